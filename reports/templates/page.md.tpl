# {{TITLE}}
{{#ALARM}}
{{BLANK}}
**⚠ {{ALARM_TEXT}}**
{{BLANK}}
{{#ALARM_DETAIL}}
- {{TEXT}}
{{/ALARM_DETAIL}}
{{/ALARM}}
{{BLANK}}
**{{SYMBOL}} {{VERDICT}}**
{{BLANK}}
{{SUBTITLE}}{{#MARK}} · **{{TEXT}}**{{/MARK}}
{{BLANK}}
{{#HIGHLIGHT}}
- {{LABEL}}: **{{VALUE}}** {{DETAIL}}
{{/HIGHLIGHT}}
{{BLANK}}
{{#NOTE}}
- {{TEXT}}
{{/NOTE}}
{{BLANK}}
{{#FACT}}
- {{NAME}}: {{VALUE}}
{{/FACT}}
{{#HEAD_COMMAND}}
{{BLANK}}
{{PURPOSE}}:
{{BLANK}}
{{FENCE}}
{{TEXT}}
{{FENCE}}
{{/HEAD_COMMAND}}
{{#SECTION}}
{{BLANK}}
## {{TITLE}}
{{#BLOCK}}
{{#PARAGRAPH}}
{{BLANK}}
{{TEXT}}
{{/PARAGRAPH}}
{{>TABLE}}
{{#FIGURE}}
{{BLANK}}
![{{FIGURE_TITLE}}]({{ID}}.svg)
{{BLANK}}
*{{CAPTION}}*
{{#DATA}}
{{BLANK}}
<details><summary>The numbers of this figure</summary>
{{>TABLE}}
{{BLANK}}
</details>
{{/DATA}}
{{/FIGURE}}
{{#TERMS}}
{{BLANK}}
{{#TERM}}
- **{{NAME}}**: {{MEANING}}
{{/TERM}}
{{/TERMS}}
{{#VERBATIM}}
{{BLANK}}
<details><summary>{{SUMMARY}}</summary>
{{BLANK}}
{{FENCE}}
{{TEXT}}
{{FENCE}}
{{BLANK}}
</details>
{{/VERBATIM}}
{{/BLOCK}}
{{/SECTION}}
{{BLANK}}
---
{{BLANK}}
{{FOOTER}}
