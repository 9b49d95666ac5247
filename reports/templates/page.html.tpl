<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="hourglass_report">
<title>{{WORD}}: {{TITLE}} – Hourglass report</title>
<style>
{{STYLE}}
</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header class="masthead">
<p class="kicker">Hourglass report</p>
<h1>{{TITLE}}</h1>
<p class="subtitle">{{SUBTITLE}}</p>
{{#HAS_MARKS}}
<ul class="marks" aria-label="Restrictions of this report">
{{#MARK}}
<li class="mark">{{TEXT}}</li>
{{/MARK}}
</ul>
{{/HAS_MARKS}}
</header>
<main id="main">
{{#ALARM}}
<section class="alarm" aria-labelledby="alarm-title">
<h2 id="alarm-title"><span aria-hidden="true">⚠</span> {{ALARM_TEXT}}</h2>
<ul>
{{#ALARM_DETAIL}}
<li>{{TEXT}}</li>
{{/ALARM_DETAIL}}
</ul>
</section>
{{/ALARM}}
<section class="verdict {{OUTCOME}}" aria-labelledby="verdict-title">
<h2 id="verdict-title" class="badge"><span aria-hidden="true">{{SYMBOL}}</span> Verdict</h2>
<p class="sentence">{{VERDICT}}</p>
{{#HAS_HIGHLIGHTS}}
<ul class="highlights">
{{#HIGHLIGHT}}
<li><span class="label">{{LABEL}}</span> <span class="value">{{VALUE}}</span> <span class="detail">{{DETAIL}}</span></li>
{{/HIGHLIGHT}}
</ul>
{{/HAS_HIGHLIGHTS}}
{{#HAS_NOTES}}
<ul class="notes">
{{#NOTE}}
<li>{{TEXT}}</li>
{{/NOTE}}
</ul>
{{/HAS_NOTES}}
<dl class="record">
{{#FACT}}
<dt>{{NAME}}</dt><dd>{{VALUE}}</dd>
{{/FACT}}
{{#HEAD_COMMAND}}
<dt>{{PURPOSE}}</dt><dd><code>{{TEXT}}</code></dd>
{{/HEAD_COMMAND}}
</dl>
</section>
<nav aria-label="Contents">
<ol>
{{#SECTION_LINK}}
<li><a href="#{{ID}}">{{TITLE}}</a></li>
{{/SECTION_LINK}}
</ol>
</nav>
{{#SECTION}}
<section id="{{ID}}" aria-labelledby="{{ID}}-title">
<h2 id="{{ID}}-title">{{TITLE}}</h2>
{{#BLOCK}}
{{#PARAGRAPH}}
<p>{{TEXT}}</p>
{{/PARAGRAPH}}
{{>TABLE}}
{{#FIGURE}}
<figure id="{{ID}}">
<div class="plot" role="group" aria-labelledby="{{ID}}-title" tabindex="0">
{{SVG}}
</div>
<figcaption>{{CAPTION}}</figcaption>
{{#DATA}}
<details>
<summary>The numbers of this figure</summary>
{{>TABLE}}
</details>
{{/DATA}}
</figure>
{{/FIGURE}}
{{#TERMS}}
<dl class="terms">
{{#TERM}}
<dt>{{NAME}}</dt>
<dd>{{MEANING}}</dd>
{{/TERM}}
</dl>
{{/TERMS}}
{{#VERBATIM}}
<details>
<summary>{{SUMMARY}}</summary>
<pre tabindex="0">{{TEXT}}</pre>
</details>
{{/VERBATIM}}
{{/BLOCK}}
</section>
{{/SECTION}}
</main>
<footer>
<p>{{FOOTER}}</p>
</footer>
</body>
</html>
