#include "coordinator/admin/svg_canvas.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "common/base/utf8.h"

namespace kalavai::coordinator {
namespace {

// Two decimals, without those that are 0: a tenth of a pixel is more than anybody sees.
std::string Number(double value) {
  if (!std::isfinite(value)) value = 0;
  std::string text = absl::StrFormat("%.2f", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string PointList(std::span<const SvgPoint> points) {
  std::string list;
  for (const SvgPoint& point : points) {
    absl::StrAppend(&list, list.empty() ? "" : " ", Number(point.x), ",", Number(point.y));
  }
  return list;
}

// Ends an element that may have a tool tip.
std::string End(absl::string_view element, absl::string_view tool_tip) {
  if (tool_tip.empty()) return "/>\n";
  return absl::StrCat("><title>", EscapeXml(tool_tip), "</title></", element, ">\n");
}

}  // namespace

SvgCanvas::SvgCanvas(double width, double height) {
  body_ =
      absl::StrCat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", Number(width),
                   "\" height=\"", Number(height), "\" viewBox=\"0 0 ", Number(width), " ",
                   Number(height), "\" font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n");
  Rectangle({.width = width, .height = height}, "#ffffff");
}

void SvgCanvas::Rectangle(const SvgBox& box, absl::string_view colour, absl::string_view tool_tip) {
  absl::StrAppend(&body_, "<rect x=\"", Number(box.x), "\" y=\"", Number(box.y), "\" width=\"",
                  Number(box.width), "\" height=\"", Number(box.height), "\" fill=\"",
                  EscapeXml(colour), "\"", End("rect", tool_tip));
}

void SvgCanvas::Line(SvgPoint from, SvgPoint to, absl::string_view colour, double width,
                     absl::string_view dashes) {
  absl::StrAppend(&body_, "<line x1=\"", Number(from.x), "\" y1=\"", Number(from.y), "\" x2=\"",
                  Number(to.x), "\" y2=\"", Number(to.y), "\" stroke=\"", EscapeXml(colour),
                  "\" stroke-width=\"", Number(width), "\"");
  if (!dashes.empty()) absl::StrAppend(&body_, " stroke-dasharray=\"", EscapeXml(dashes), "\"");
  body_ += "/>\n";
}

void SvgCanvas::Polyline(std::span<const SvgPoint> points, absl::string_view colour, double width) {
  absl::StrAppend(&body_, "<polyline points=\"", PointList(points), "\" fill=\"none\" stroke=\"",
                  EscapeXml(colour), "\" stroke-width=\"", Number(width),
                  "\" stroke-linejoin=\"round\"/>\n");
}

void SvgCanvas::Polygon(std::span<const SvgPoint> points, absl::string_view colour,
                        absl::string_view tool_tip) {
  absl::StrAppend(&body_, "<polygon points=\"", PointList(points), "\" fill=\"", EscapeXml(colour),
                  "\"", End("polygon", tool_tip));
}

void SvgCanvas::Text(double x, double y, absl::string_view text, const SvgTextStyle& style) {
  absl::StrAppend(&body_, "<text x=\"", Number(x), "\" y=\"", Number(y), "\" text-anchor=\"",
                  EscapeXml(style.anchor), "\" font-size=\"", Number(style.size), "\" fill=\"",
                  EscapeXml(style.colour), "\"");
  if (style.bold) body_ += " font-weight=\"bold\"";
  if (style.turned != 0) {
    absl::StrAppend(&body_, " transform=\"rotate(", Number(style.turned), " ", Number(x), " ",
                    Number(y), ")\"");
  }
  absl::StrAppend(&body_, ">", EscapeXml(text), "</text>\n");
}

std::string SvgCanvas::Finish() const { return body_ + "</svg>\n"; }

std::string EscapeXml(absl::string_view text) {
  std::string escaped;
  for (const char c : ReplaceInvalidUtf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        // XML 1.0 has no other control characters than tab, line feed and carriage return.
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
    }
  }
  // Nor has it U+FFFE and U+FFFF.
  return absl::StrReplaceAll(escaped,
                             {{"\xEF\xBF\xBE", "\xEF\xBF\xBD"}, {"\xEF\xBF\xBF", "\xEF\xBF\xBD"}});
}

std::string Shortened(absl::string_view text, int characters) {
  std::string valid = ReplaceInvalidUtf8(text);
  if (CountCharacters(valid) <= characters) return valid;
  valid.resize(static_cast<size_t>(CharacterPrefixBytes(valid, characters - 1)));
  return valid + "…";
}

}  // namespace kalavai::coordinator
