<div class="scroll" role="region" aria-labelledby="{{ID}}-caption" tabindex="0">
<table id="{{ID}}">
<caption id="{{ID}}-caption">{{CAPTION}}{{#MARK}} <span class="mark">{{TEXT}}</span>{{/MARK}}</caption>
<thead>
<tr>{{#COLUMN}}<th scope="col"{{CLASS}}>{{TITLE}}{{#UNIT}} <span class="unit">{{TEXT}}</span>{{/UNIT}}</th>{{/COLUMN}}</tr>
</thead>
<tbody>
{{#ROW}}
<tr{{ROW_CLASS}}><th scope="row"{{HEAD_CLASS}}>{{HEAD}}</th>{{#CELL}}<td{{CLASS}}>{{TEXT}}</td>{{/CELL}}</tr>
{{/ROW}}
</tbody>
</table>
</div>
{{#NOTE}}
<p class="table-note">{{TEXT}}</p>
{{/NOTE}}
