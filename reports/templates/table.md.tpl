{{BLANK}}
**{{CAPTION}}**{{#MARK}} · {{TEXT}}{{/MARK}}
{{BLANK}}
|{{#COLUMN}} {{TITLE}}{{#UNIT}} ({{TEXT}}){{/UNIT}} |{{/COLUMN}}
|{{#COLUMN}}{{RULE}}|{{/COLUMN}}
{{#ROW}}
| {{HEAD}} |{{#CELL}} {{TEXT}} |{{/CELL}}
{{/ROW}}
{{#NOTE}}
{{BLANK}}
{{TEXT}}
{{/NOTE}}
