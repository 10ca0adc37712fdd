/** The style of a report. */

import { dark, light, propertiesOf } from './colours.ts';

export const style = `
:root{${propertiesOf(light)};color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{${propertiesOf(dark)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
body>header,main,footer{max-width:1120px;margin:0 auto;padding:0 20px}
h1,h2,h3,p,ul,dl,dd,figure{margin:0;padding:0}
ul{list-style:none}
bdi{unicode-bidi:isolate;overflow-wrap:anywhere}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
code{font:.9em/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
time{font-variant-numeric:tabular-nums;white-space:nowrap}
.definitions{position:absolute}
.skip{position:absolute;left:-999px}
.skip:focus{left:20px;top:8px;z-index:1;background:var(--surface);padding:6px 12px}

header.page{display:flex;flex-wrap:wrap;gap:12px 24px;align-items:center;justify-content:space-between;padding-top:32px;padding-bottom:24px}
.verdict{display:flex;gap:16px;align-items:center;min-width:0}
.verdict h1{font-size:26px;line-height:1.2;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
.verdict p{font-size:16px;font-weight:600}
.verdict p::first-letter{text-transform:uppercase}
.verdict h1{color:var(--ink)}
.verdict.good p,.well .sign{color:var(--good)}.verdict.caution p{color:var(--caution)}.verdict.bad p{color:var(--bad)}
.made{color:var(--muted)}

.sign{flex:none;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round;vertical-align:-3px}
.good{color:var(--good)}.caution{color:var(--caution)}.bad{color:var(--bad)}
.badge{display:inline-flex;gap:6px;align-items:center;font-weight:600;white-space:nowrap}

.environment,.overview{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:20px 24px 24px;margin:0 0 24px}
.overview{padding:8px 24px}
.environment>header{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;margin-bottom:12px}
.environment h2{font-size:20px;font-weight:650;overflow-wrap:anywhere;min-width:0}
.where{flex-basis:100%;color:var(--muted);font-size:13px}
.well{display:flex;gap:8px;align-items:center}.well .sign{vertical-align:0}
.problems li{display:flex;gap:12px;align-items:flex-start;padding:10px 14px;border:1px solid var(--line);border-left:4px solid currentColor;border-radius:6px;margin-bottom:8px}
.problems li>div{flex:1;min-width:0;color:var(--ink)}
.problems p{overflow-wrap:anywhere;font-weight:600;color:var(--ink)}
.problems .hint,.notes,.note,.expire{color:var(--muted);font-weight:400}
.problems li>code{color:currentColor;white-space:nowrap;font-size:12px;line-height:22px}
.notes{margin-top:8px}

.facts{display:grid;grid-template-columns:repeat(3,1fr);gap:18px 24px;margin:18px 0 22px;padding:16px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
.facts div{min-width:0}
.facts dt{color:var(--muted);font-size:12.5px}
.facts strong{display:block;font-size:21px;line-height:1.3;font-weight:650;letter-spacing:-.01em}
.facts span{display:block;color:var(--muted);font-size:12px;line-height:1.45;overflow-wrap:anywhere}

.picture{margin:0 0 8px}
.timeline{display:block;overflow:visible;font-size:12px}
.label{fill:var(--muted)}
.tick{fill:var(--muted);font-size:11px;font-variant-numeric:tabular-nums}
.grid,.base{stroke:var(--line);stroke-width:1}
.now{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 3}
.covered{fill:var(--good)}
.gap{fill:var(--bad)}
.gap.wide{fill:url(#hatch-bad);stroke:var(--bad);stroke-width:1.5}
.since{fill:var(--muted)}
.since.wide{fill:url(#hatch-muted);stroke:var(--muted);stroke-width:1}
.chain{fill:var(--good);fill-opacity:.22;stroke:var(--good);stroke-width:1.2}
.chain.unsound{fill:url(#hatch-bad);fill-opacity:1;stroke:var(--bad)}
.chain.going{stroke-dasharray:4 3;fill-opacity:.06}
.commits{fill:var(--accent)}
.stored{fill:var(--muted)}
.bad-line{stroke:var(--bad)}.muted-line{stroke:var(--muted)}
.mark-full{fill:var(--ink);stroke:var(--surface);stroke-width:1.5}
.mark-hollow{fill:var(--surface);stroke:var(--ink);stroke-width:1.8}
.mark-line{stroke:var(--ink);stroke-width:1.4;fill:none}
.mark-bad{stroke:var(--bad);stroke-width:2.4;stroke-linecap:round;fill:none}
.mark-ring{fill:var(--surface);stroke:var(--good);stroke-width:1.6}
.mark-dot{fill:var(--good)}
.mark-dashed{fill:none;stroke:var(--muted);stroke-width:1.6;stroke-dasharray:2.4 2}
.mark-caution{fill:var(--caution)}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin-top:8px;color:var(--muted);font-size:12.5px}
.legend li{display:inline-flex;align-items:center;gap:6px}
.swatch{flex:none;overflow:visible}

.rows{margin-top:24px}
h3{font-size:15px;font-weight:650;margin-bottom:6px}
.scroll{overflow:auto;max-height:420px}
table{border-collapse:collapse;width:100%;font-size:13px}
.rows table,.overview table{min-width:640px}
.paper{display:none}
th,td{text-align:left;vertical-align:top;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);font-weight:400}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child>*{border-bottom:0}
thead th{position:sticky;top:0;background:var(--surface);color:var(--muted);font-size:12px;white-space:nowrap}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.id{font:12px/1.6 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:nowrap}
.more{display:block;color:var(--muted);font-size:12px;overflow-wrap:anywhere}
.overview th[scope=row]{font-weight:600}
.note{font-size:12px;margin-top:6px}
footer{color:var(--muted);font-size:13px;padding-bottom:40px}

@media (max-width:640px){
body>header,main,footer{padding-left:12px;padding-right:12px}
.environment,.overview{padding-left:14px;padding-right:14px}
.facts{display:block;padding:4px 0}
.facts div{display:grid;grid-template-columns:42% 1fr;gap:10px;padding:7px 0}
.facts strong{font-size:16px}
.minor{display:none}
.problems li{flex-wrap:wrap}
.problems li>div{flex-basis:calc(100% - 40px)}
}

@media print{
:root{${propertiesOf(light)};color-scheme:light}
@page{size:A4;margin:14mm}
body{background:none;font-size:10pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
body>header,main,footer{max-width:none;padding-left:0;padding-right:0}
header.page{padding-top:0}
.skip{display:none}
.environment,.overview{border:0;padding:0;border-radius:0}
.environment+.environment{break-before:page}
.scroll{overflow:visible;max-height:none}
table{font-size:7pt}
thead th{white-space:normal}
.id,.more,.note{font-size:6.5pt}
.picture{zoom:.78}
.facts{gap:8px 16px;margin:8px 0 12px;padding:8px 0}
.facts strong{font-size:13pt}
.rows table,.overview table{min-width:0}
.screen{display:none}
.paper{display:block}
thead th{position:static}
th,td{padding:3px 7px 3px 0}
tr,.problems li,.facts,.picture,h2,h3{break-inside:avoid}
h2,h3,thead{break-after:avoid}
}
`;
