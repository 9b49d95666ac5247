// A report as data: sections of blocks of plain text, from which the HTML page and its Markdown
// twin are rendered. Nothing here is escaped; the renderers escape.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hourglass::reports {

struct Column {
  std::string title;
  std::string unit;      // empty: none
  bool numeric = false;  // right-aligned, tabular digits
  bool nowrap = false;   // short words that belong together
  bool outcome = false;  // a symbol and a word, coloured by the symbol
};

struct TableRow {
  std::vector<std::string> cells;  // one for each column; the first is the row's header
  bool strong = false;             // a total or a mean
  bool dirty = false;              // rests on a build with uncommitted changes: marked
  std::string link = {};           // id of the section that the last cell leads to; may be empty
};

struct Table {
  std::string id;
  std::string caption;
  std::vector<Column> columns;
  std::vector<TableRow> rows;
  std::string note;  // below the table; may be empty
};

struct Figure {
  std::string id;              // also the name of its file: ID.svg
  std::string title;           // short, for assistive technology
  std::string description;     // what is drawn, for assistive technology
  std::string caption;         // the finding
  std::string inline_svg;      // colours are CSS variables of the page
  std::string standalone_svg;  // a complete file
  Table data;
};

struct Paragraph {
  std::string text;
};

struct Terms {
  std::vector<std::pair<std::string, std::string>> items;  // term, meaning
};

// Text kept as it is, folded away under its summary.
struct Verbatim {
  std::string summary;
  std::string text;
};

using Block = std::variant<Paragraph, Table, Figure, Terms, Verbatim>;

struct Section {
  std::string id;
  std::string title;
  std::vector<Block> blocks;
};

// A number worth a glance, at the head of the page.
struct Highlight {
  std::string label;
  std::string value;
  std::string detail;
};

struct Document {
  std::string title;
  std::string subtitle;
  std::string alarm;  // why nothing below may be trusted; empty: nothing speaks against it
  std::vector<std::string> alarm_details;
  std::string outcome;  // "better", "worse", "same", "open": a class of the style sheet
  std::string symbol;   // seen beside the word: never colour alone
  std::string word;
  std::string verdict;                                     // the one sentence
  std::vector<std::string> notes;                          // sentences below the verdict
  std::vector<std::string> marks;                          // "scaled down": repeated in every table
  std::vector<std::pair<std::string, std::string>> facts;  // what was compared, in a few lines
  std::vector<std::pair<std::string, std::string>> commands;  // purpose, what to type
  std::vector<Highlight> highlights;
  std::vector<Section> sections;
  std::string footer;
};

}  // namespace hourglass::reports
