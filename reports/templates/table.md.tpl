{{BLANK}}
**{{CAPTION}}**{{#MARK}} · {{TEXT}}{{/MARK}}
{{BLANK}}
|{{#COLUMN}} {{TITLE}}{{#UNIT}} ({{TEXT}}){{/UNIT}} |{{/COLUMN}}
|{{#COLUMN}}{{RULE}}|{{/COLUMN}}
{{#ROW}}
| {{HEAD}}{{#ROW_MARK}} (**{{TEXT}}**){{/ROW_MARK}} |{{#CELL}} {{TEXT}} |{{/CELL}}
{{/ROW}}
{{#NOTE}}
{{BLANK}}
{{TEXT}}
{{/NOTE}}
