<div class="scroll" role="group" aria-labelledby="{{ID}}-caption" tabindex="0">
<table id="{{ID}}"{{TABLE_CLASS}}>
<caption id="{{ID}}-caption"><span class="caption">{{CAPTION}}{{#MARK}} <span class="mark">{{TEXT}}</span>{{/MARK}}</span></caption>
<thead>
<tr>{{#COLUMN}}<th scope="col"{{CLASS}}>{{TITLE}}{{#UNIT}} <span class="unit">{{TEXT}}</span>{{/UNIT}}</th>{{/COLUMN}}</tr>
</thead>
<tbody>
{{#ROW}}
<tr{{ROW_CLASS}}><th scope="row"{{HEAD_CLASS}}>{{HEAD}}{{#ROW_MARK}} <span class="mark">{{TEXT}}</span>{{/ROW_MARK}}</th>{{#CELL}}<td{{CLASS}}>{{TEXT}}</td>{{/CELL}}</tr>
{{/ROW}}
</tbody>
</table>
</div>
{{#NOTE}}
<p class="table-note">{{TEXT}}</p>
{{/NOTE}}
