#include "reports/render.h"

#include <ctemplate/template.h>
#include <ctemplate/template_dictionary.h>

#include <algorithm>
#include <mutex>

#include "reports/format.h"
#include "reports/templates.h"

namespace hourglass::reports {
namespace {

using ctemplate::TemplateDictionary;

constexpr char kPageHtml[] = "page.html.tpl";
constexpr char kTableHtml[] = "table.html.tpl";
constexpr char kPageMarkdown[] = "page.md.tpl";
constexpr char kTableMarkdown[] = "table.md.tpl";

void RegisterTemplates() {
  static std::once_flag once;
  std::call_once(once, [] {
    const auto add = [](const char* name, std::string_view text) {
      ctemplate::StringToTemplateCache(name, text.data(), text.size(),
                                       ctemplate::STRIP_BLANK_LINES);
    };
    add(kPageHtml, kPageHtmlTemplate);
    add(kTableHtml, kTableHtmlTemplate);
    add(kPageMarkdown, kPageMarkdownTemplate);
    add(kTableMarkdown, kTableMarkdownTemplate);
  });
}

enum class Form { kHtml, kMarkdown };

bool IsHash(const std::string& cell) {
  return cell.size() >= 26 && std::all_of(cell.begin(), cell.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c));
         });
}

// The tone of an outcome by its symbol: never the only sign, the word stands beside it.
std::string Tone(const std::string& cell) {
  constexpr std::pair<std::string_view, std::string_view> kTones[] = {
      {"▲", "better"}, {"✓", "better"}, {"▼", "worse"}, {"✗", "worse"},
      {"○", "worse"},  {"＝", "same"},  {"◐", "open"},  {"◇", "open"}};
  for (const auto& [symbol, tone] : kTones) {
    if (cell.starts_with(symbol)) return " " + std::string(tone);
  }
  return "";
}

std::string CellClass(const Column& column, const std::string& cell) {
  if (column.outcome) return " class=\"outcome" + Tone(cell) + "\"";
  if (column.numeric) return cell.size() > 26 ? " class=\"num wrap\"" : " class=\"num\"";
  if (IsHash(cell)) return " class=\"hash\"";
  if (column.nowrap) return " class=\"whole\"";
  return cell.size() > 40 ? " class=\"long\"" : "";
}

std::string HeadClass(const std::string& cell) {
  return IsHash(cell) ? " class=\"hash whole\"" : " class=\"name\"";
}

constexpr char kDirtyMark[] = "uncommitted changes";

// The name a heading has as a target in a Markdown file, as the common viewers make it.
std::string HeadingTarget(const std::string& title) {
  std::string target;
  for (const char c : title) {
    if (c == ' ') target += '-';
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-') {
      target += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return target;
}

// A fence no line of the text can close.
std::string Fence(const std::string& text) {
  size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(longest + 1, '`');
}

// Fills the dictionaries of one form.
class Filler {
 public:
  Filler(Form form, const Document& document) : form_(form), document_(document) {}

  void Page(TemplateDictionary& page) const {
    Set(page, "TITLE", document_.title);
    Set(page, "SUBTITLE", document_.subtitle);
    Set(page, "OUTCOME", document_.outcome);
    Set(page, "SYMBOL", document_.symbol);
    Set(page, "WORD", document_.word);
    Set(page, "VERDICT", document_.verdict);
    Set(page, "FOOTER", document_.footer);
    if (form_ == Form::kHtml) page.SetValue("STYLE", std::string(kStyleSheet));
    if (!document_.alarm.empty()) {
      TemplateDictionary& alarm = *page.AddSectionDictionary("ALARM");
      Set(alarm, "ALARM_TEXT", document_.alarm);
      Texts(alarm, "ALARM_DETAIL", document_.alarm_details);
    }
    Texts(page, "MARK", document_.marks);
    Texts(page, "NOTE", document_.notes);
    if (!document_.marks.empty()) page.ShowSection("HAS_MARKS");
    if (!document_.notes.empty()) page.ShowSection("HAS_NOTES");
    if (!document_.highlights.empty()) page.ShowSection("HAS_HIGHLIGHTS");
    for (const auto& [name, value] : document_.facts) {
      TemplateDictionary& fact = *page.AddSectionDictionary("FACT");
      Set(fact, "NAME", name);
      Set(fact, "VALUE", value);
    }
    for (const auto& [purpose, text] : document_.commands) {
      TemplateDictionary& command = *page.AddSectionDictionary("HEAD_COMMAND");
      Set(command, "PURPOSE", purpose);
      SetVerbatim(command, text);
    }
    for (const Highlight& highlight : document_.highlights) {
      TemplateDictionary& entry = *page.AddSectionDictionary("HIGHLIGHT");
      Set(entry, "LABEL", highlight.label);
      Set(entry, "VALUE", highlight.value);
      Set(entry, "DETAIL", highlight.detail);
    }
    for (const struct Section& section : document_.sections) {
      TemplateDictionary& link = *page.AddSectionDictionary("SECTION_LINK");
      Set(link, "ID", section.id);
      Set(link, "TITLE", section.title);
      OneSection(*page.AddSectionDictionary("SECTION"), section);
    }
  }

 private:
  std::string Escape(const std::string& text) const {
    return form_ == Form::kHtml ? EscapeHtml(text) : EscapeMarkdown(text);
  }
  void Set(TemplateDictionary& dictionary, const char* name, const std::string& text) const {
    dictionary.SetValue(name, Escape(text));
  }
  void Texts(TemplateDictionary& dictionary, const char* name,
             const std::vector<std::string>& texts) const {
    for (const std::string& text : texts) {
      Set(*dictionary.AddSectionDictionary(name), "TEXT", text);
    }
  }

  void OneSection(TemplateDictionary& dictionary, const struct Section& section) const {
    Set(dictionary, "ID", section.id);
    Set(dictionary, "TITLE", section.title);
    for (const Block& block : section.blocks) {
      TemplateDictionary& entry = *dictionary.AddSectionDictionary("BLOCK");
      std::visit([&](const auto& content) { Add(entry, content); }, block);
    }
  }

  void Add(TemplateDictionary& block, const Paragraph& paragraph) const {
    Set(*block.AddSectionDictionary("PARAGRAPH"), "TEXT", paragraph.text);
  }

  void Add(TemplateDictionary& block, const Table& table) const {
    TemplateDictionary& dictionary = *block.AddIncludeDictionary("TABLE");
    dictionary.SetFilename(form_ == Form::kHtml ? kTableHtml : kTableMarkdown);
    Set(dictionary, "ID", table.id);
    Set(dictionary, "CAPTION", table.caption);
    dictionary.SetValue("TABLE_CLASS", table.columns.size() == 2 ? " class=\"facts\"" : "");
    Texts(dictionary, "MARK", document_.marks);
    if (std::any_of(table.rows.begin(), table.rows.end(),
                    [](const TableRow& row) { return row.dirty; })) {
      Texts(dictionary, "MARK", {kDirtyMark});
    }
    if (!table.note.empty()) Texts(dictionary, "NOTE", {table.note});
    for (const Column& column : table.columns) {
      TemplateDictionary& head = *dictionary.AddSectionDictionary("COLUMN");
      Set(head, "TITLE", column.title);
      head.SetValue("CLASS", column.numeric ? " class=\"num\"" : "");
      head.SetValue("RULE", column.numeric ? " ---: " : " --- ");
      if (!column.unit.empty()) Texts(head, "UNIT", {column.unit});
    }
    for (const TableRow& row : table.rows) AddRow(dictionary, table, row);
  }

  void AddRow(TemplateDictionary& table_dictionary, const Table& table, const TableRow& row) const {
    TemplateDictionary& dictionary = *table_dictionary.AddSectionDictionary("ROW");
    dictionary.SetValue("ROW_CLASS", row.strong ? " class=\"strong\"" : "");
    if (row.dirty) Texts(dictionary, "ROW_MARK", {kDirtyMark});
    for (size_t i = 0; i < row.cells.size(); ++i) {
      std::string text = row.strong && form_ == Form::kMarkdown && !row.cells[i].empty()
                             ? "**" + Escape(row.cells[i]) + "**"
                             : Escape(row.cells[i]);
      if (i + 1 == row.cells.size() && !row.link.empty()) text = Linked(text, row.link);
      if (i == 0) {
        dictionary.SetValue("HEAD", text);
        dictionary.SetValue("HEAD_CLASS", HeadClass(row.cells[0]));
        continue;
      }
      TemplateDictionary& cell = *dictionary.AddSectionDictionary("CELL");
      cell.SetValue("TEXT", text);
      cell.SetValue("CLASS", CellClass(table.columns[i], row.cells[i]));
    }
  }

  // `text`, escaped already, leading to a section; plain when there is no such section.
  std::string Linked(const std::string& text, const std::string& section_id) const {
    for (const struct Section& section : document_.sections) {
      if (section.id != section_id) continue;
      return form_ == Form::kHtml ? "<a href=\"#" + section_id + "\">" + text + "</a>"
                                  : "[" + text + "](#" + HeadingTarget(section.title) + ")";
    }
    return text;
  }

  void Add(TemplateDictionary& block, const Figure& figure) const {
    TemplateDictionary& dictionary = *block.AddSectionDictionary("FIGURE");
    Set(dictionary, "ID", figure.id);
    Set(dictionary, "FIGURE_TITLE", figure.title);
    Set(dictionary, "CAPTION", figure.caption);
    dictionary.SetValue("SVG", figure.inline_svg);
    if (!figure.data.rows.empty()) Add(*dictionary.AddSectionDictionary("DATA"), figure.data);
  }

  void Add(TemplateDictionary& block, const Terms& terms) const {
    TemplateDictionary& dictionary = *block.AddSectionDictionary("TERMS");
    for (const auto& [name, meaning] : terms.items) {
      TemplateDictionary& term = *dictionary.AddSectionDictionary("TERM");
      Set(term, "NAME", name);
      Set(term, "MEANING", meaning);
    }
  }

  // Text that keeps its lines: escaped for HTML, fenced in Markdown.
  void SetVerbatim(TemplateDictionary& dictionary, std::string text) const {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    dictionary.SetValue("TEXT", form_ == Form::kHtml ? EscapeHtml(text) : CleanText(text));
    dictionary.SetValue("FENCE", Fence(text));
  }

  void Add(TemplateDictionary& block, const Verbatim& verbatim) const {
    TemplateDictionary& dictionary = *block.AddSectionDictionary("VERBATIM");
    Set(dictionary, "SUMMARY", verbatim.summary);
    SetVerbatim(dictionary, verbatim.text);
  }

  Form form_;
  const Document& document_;
};

absl::StatusOr<std::string> Render(Form form, const Document& document) {
  RegisterTemplates();
  TemplateDictionary page("page");
  Filler(form, document).Page(page);
  std::string text;
  if (!ctemplate::ExpandTemplate(form == Form::kHtml ? kPageHtml : kPageMarkdown,
                                 ctemplate::STRIP_BLANK_LINES, &page, &text)) {
    return absl::InternalError("a template of the report is malformed");
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> RenderHtml(const Document& document) {
  return Render(Form::kHtml, document);
}

absl::StatusOr<std::string> RenderMarkdown(const Document& document) {
  return Render(Form::kMarkdown, document);
}

}  // namespace hourglass::reports
