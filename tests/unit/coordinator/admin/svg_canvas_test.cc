// Goal: any text may be drawn, and equal drawings are equal bytes. Method: what XML reserves and
// what it cannot hold, put into every place that takes text; numbers that are none.
#include "coordinator/admin/svg_canvas.h"

#include <limits>
#include <string>

#include "absl/strings/match.h"

#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("What XML reserves is escaped and what it cannot hold is replaced", "[admin]") {
  struct Case {
    std::string text;
    std::string escaped;
  };
  const Case cases[] = {
      {"", ""},
      {"plain, ünï, தமிழ்", "plain, ünï, தமிழ்"},
      {"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
      {"</svg><script>", "&lt;/svg&gt;&lt;script&gt;"},
      {"tab\tline\n", "tab\tline\n"},
      {std::string("nul\0bell\a", 9),
       "nul\xEF\xBF\xBD"
       "bell\xEF\xBF\xBD"},
      {"cut \xC3", "cut \xEF\xBF\xBD"},
      {"\xEF\xBF\xBD\xEF\xBF\xBE\xEF\xBF\xBF!", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD!"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(EscapeXml(one.text) == one.escaped);
  }
}

TEST_CASE("Names from outside cannot leave their place in the picture", "[admin]") {
  const std::string evil = "\"/><script>alert(1)</script>";
  SvgCanvas canvas(100, 50);
  canvas.Rectangle({.x = 1, .y = 2, .width = 3, .height = 4}, evil, evil);
  canvas.Text(5, 6, evil, {.anchor = evil, .colour = evil});
  canvas.Line({0, 0}, {1, 1}, evil, 1, evil);
  const SvgPoint points[] = {{0, 0}, {1, 1}};
  canvas.Polyline(points, evil);
  canvas.Polygon(points, evil, evil);
  const std::string svg = canvas.Finish();
  CHECK_FALSE(absl::StrContains(svg, "<script"));
  CHECK_FALSE(absl::StrContains(svg, "\"/><s"));
}

TEST_CASE("The same drawing is the same bytes, whole and rounded", "[admin]") {
  SvgCanvas canvas(100, 50.5);
  canvas.Rectangle({.x = 1.005, .y = 2, .width = 1.0 / 3, .height = 1e-9}, "#0072b2", "tip");
  canvas.Line({0, -0.001}, {1, std::numeric_limits<double>::quiet_NaN()}, "#000000");
  canvas.Text(3, 4, "x", {.anchor = "end", .turned = -28, .bold = true});
  CHECK(canvas.Finish() ==
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50.5\" viewBox=\"0 0 100 "
        "50.5\" font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n"
        "<rect x=\"0\" y=\"0\" width=\"100\" height=\"50.5\" fill=\"#ffffff\"/>\n"
        "<rect x=\"1\" y=\"2\" width=\"0.33\" height=\"0\" fill=\"#0072b2\"><title>tip</title>"
        "</rect>\n"
        "<line x1=\"0\" y1=\"0\" x2=\"1\" y2=\"0\" stroke=\"#000000\" stroke-width=\"1\"/>\n"
        "<text x=\"3\" y=\"4\" text-anchor=\"end\" font-size=\"12\" fill=\"#222222\" "
        "font-weight=\"bold\" transform=\"rotate(-28 3 4)\">x</text>\n"
        "</svg>\n");
}

TEST_CASE("Long names are cut between characters", "[admin]") {
  CHECK(Shortened("legal", 5) == "legal");
  CHECK(Shortened("medical", 5) == "medi…");
  CHECK(Shortened("ééééé", 3) == "éé…");
  CHECK(Shortened("a\xFF", 2) == "a\xEF\xBF\xBD");
}

}  // namespace
}  // namespace kalavai::coordinator
