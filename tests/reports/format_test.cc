#include "reports/format.h"

#include <cmath>

#include "gtest/gtest.h"

namespace hourglass::reports {
namespace {

TEST(Format, FixedAndSigned) {
  EXPECT_EQ(Fixed(2.30869, 4), "2.3087");
  EXPECT_EQ(Fixed(-0.5, 1), "−0.5");
  EXPECT_EQ(Fixed(-0.00001, 3), "0.000") << "no minus zero";
  EXPECT_EQ(Fixed(std::nan(""), 3), "not a number");
  EXPECT_EQ(Fixed(HUGE_VAL, 3), "infinite");
  EXPECT_EQ(Fixed(std::optional<double>(), 3), kMissing);
  EXPECT_EQ(Signed(0.0276, 4), "+0.0276");
  EXPECT_EQ(Signed(-0.0276, 4), "−0.0276");
  EXPECT_EQ(Signed(0.00001, 3), "0.000");
}

TEST(Format, GroupedAndSignificant) {
  EXPECT_EQ(Grouped(34419968), "34,419,968");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(-1000), "−1,000");
  EXPECT_EQ(GroupedRounded(12345.6), "12,346");
  EXPECT_EQ(GroupedRounded(std::nan("")), kMissing);
  EXPECT_EQ(Significant(0.25), "0.2500");
  EXPECT_EQ(Significant(12.34567), "12.35");
  EXPECT_EQ(Significant(71060), "71,060");
  EXPECT_EQ(Significant(0), "0");
}

TEST(Format, Scale) {
  EXPECT_EQ(ScaleFor(999).prefix, "");
  EXPECT_EQ(ScaleFor(1000).prefix, "k");
  EXPECT_EQ(ScaleFor(90.4e6).prefix, "M");
  EXPECT_EQ(ScaleFor(90.4e6).divisor, 1e6);
  EXPECT_EQ(ScaleFor(0).prefix, "");
}

TEST(Format, HostileTextIsHarmless) {
  EXPECT_EQ(EscapeHtml("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
  EXPECT_EQ(EscapeMarkdown("a|b\n*c* <i> `x` [y](z) #"),
            "a\\|b \\*c\\* &lt;i&gt; \\`x\\` \\[y\\](z) \\#");
  EXPECT_EQ(CleanText("a\x01"
                      "b\xff"
                      "c\xc3"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c\xef\xbf\xbd");
  EXPECT_EQ(CleanText("−é漢🙂"), "−é漢🙂");
  EXPECT_EQ(CleanText("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd") << "an overlong slash";
}

TEST(Probability, IsNeverZero) {
  EXPECT_EQ(Probability(0.25), "0.25");
  EXPECT_EQ(Probability(0.0625), "0.0625");
  EXPECT_EQ(Probability(1), "1");
  EXPECT_EQ(Probability(0.44230803), "0.442");
  EXPECT_EQ(Probability(0.0004), "< 0.001");
  EXPECT_EQ(Probability(0), "< 0.001");
}

TEST(DecimalsFor, ShowTwoDigitsOfTheInterval) {
  EXPECT_EQ(DecimalsFor(0.025), 3);
  EXPECT_EQ(DecimalsFor(0.0043), 4);
  EXPECT_EQ(DecimalsFor(1.2), 2);
  EXPECT_EQ(DecimalsFor(1e-9), 5);
  EXPECT_EQ(DecimalsFor(std::nullopt), 3);
}

TEST(ShellWord, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(ShellWord("enwik8/table1"), "enwik8/table1");
  EXPECT_EQ(ShellWord("a b"), "'a b'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
}

TEST(Listed, JoinsWithCommasAndAnd) {
  EXPECT_EQ(Listed({}), "");
  EXPECT_EQ(Listed({"a"}), "a");
  EXPECT_EQ(Listed({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace hourglass::reports
