// A picture as SVG 1.1, drawn from the back to the front. No scripts, no links, no fonts of its
// own: a file to put into a page or a report.
//
//   SvgCanvas canvas(640, 400);
//   canvas.Rectangle({.x = 10, .y = 10, .width = 40, .height = 20}, "#0072b2", "tool tip");
//   canvas.Text(60, 24, "legal", {});
//   … canvas.Finish() …
//
// Units are pixels; y grows downwards. Text is escaped: any bytes may be drawn, what XML cannot
// hold becomes U+FFFD. The same calls give the same bytes, whatever the locale. Not thread-safe.
#ifndef KALAVAI_COORDINATOR_ADMIN_SVG_CANVAS_H_
#define KALAVAI_COORDINATOR_ADMIN_SVG_CANVAS_H_

#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace kalavai::coordinator {

struct SvgBox {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

struct SvgPoint {
  double x = 0;
  double y = 0;
};

struct SvgTextStyle {
  absl::string_view anchor = "start";  // "start", "middle", "end"
  double size = 12;
  absl::string_view colour = "#222222";
  double turned = 0;  // degrees clockwise around the point
  bool bold = false;
};

class SvgCanvas {
 public:
  // White, of this size.
  SvgCanvas(double width, double height);

  void Rectangle(const SvgBox& box, absl::string_view colour, absl::string_view tool_tip = "");
  void Line(SvgPoint from, SvgPoint to, absl::string_view colour, double width = 1,
            absl::string_view dashes = "");
  void Polyline(std::span<const SvgPoint> points, absl::string_view colour, double width = 1.5);
  void Polygon(std::span<const SvgPoint> points, absl::string_view colour,
               absl::string_view tool_tip = "");
  void Text(double x, double y, absl::string_view text, const SvgTextStyle& style);

  std::string Finish() const;

 private:
  std::string body_;
};

// What stands between tags or in quotes: & < > " ' as entities, and U+FFFD for control characters
// and for bytes that are not UTF-8.
std::string EscapeXml(absl::string_view text);

// At most `characters`, the last of them "…" if something was cut; whole UTF-8 characters.
std::string Shortened(absl::string_view text, int characters);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_SVG_CANVAS_H_
