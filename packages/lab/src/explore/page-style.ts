/** The style sheet of the page. */
export const PAGE_STYLE = `
:root {
  --bg: light-dark(#f3f4f6, #0f1216);
  --panel: light-dark(#ffffff, #171b21);
  --text: light-dark(#1b1f24, #e3e8ee);
  --muted: light-dark(#57606a, #9da7b3);
  --line: light-dark(#d0d5db, #323a44);
  --strong-line: light-dark(#818b98, #6b7683);
  --drop: light-dark(#b3261e, #ff8178);
  --warn: light-dark(#805a00, #dcb04a);
  --ok: light-dark(#17732f, #5cc86f);
  color-scheme: light dark;
}
main, .run { --column: 180px; --time: 4.5rem; --width: calc(var(--hosts) * var(--column)); }
body { margin: 0; background: var(--panel); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: calc(var(--width) + 640px); min-width: 0; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; }
h4 { margin: .8rem 0 .2rem; font-size: .9rem; }
.mark { display: flex; align-items: center; gap: .4em; margin: 0; font-weight: 600; fill: var(--drop); }
.mark g { stroke: none; fill: var(--text); }
pre, code { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--bg); padding: .6rem .8rem; border-radius: 6px; white-space: pre-wrap; }
pre, code { overflow-wrap: anywhere; }
section { border-left: 3px solid var(--drop); padding-left: 1rem; margin: 1.2rem 0 2rem; }
.verdict { color: var(--muted); border: 1px solid; border-radius: 9px; padding: 0 .5em; font-size: .85em; }
.verdict { white-space: nowrap; }
.verdict.failed { color: var(--drop); font-weight: 700; }
.verdict.slower { color: var(--warn); }
.verdict.passed { color: var(--ok); }
.diagram { overflow-x: auto; }
.hosts, summary { display: grid; grid-template-columns: var(--time) var(--width) minmax(16rem, 1fr); }
.run .hosts, .run li { display: grid; grid-template-columns: var(--time) var(--width); align-items: center; }
.run { margin: .6rem 0; }
.run li { position: relative; min-height: 40px; }
.hosts { position: sticky; top: 0; background: var(--panel); border-bottom: 1px solid var(--line); }
.hosts { padding: .4rem 0; color: var(--muted); }
.names { display: flex; }
.names b { width: var(--column); text-align: center; overflow-wrap: anywhere; color: var(--text); }
ol { list-style: none; margin: 0; padding: 0; }
summary { position: relative; align-items: center; min-height: 40px; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover, details[open] > summary { background: var(--bg); }
summary:focus-visible { outline: 2px solid var(--text); outline-offset: -2px; }
summary svg, .run svg { display: block; width: var(--width); height: 40px; grid-column: 2; grid-row: 1; }
.at, .hosts > :first-child { color: var(--muted); font-size: .85em; text-align: right; padding-right: .8rem; }
summary .at::before { content: '▸' / ''; float: left; }
details[open] > summary .at::before { content: '▾' / ''; }
.label { grid-column: 2; grid-row: 1; align-self: start; margin-left: calc(var(--from) * var(--column) + 10px); }
.label { width: calc(2 * var(--column) - 20px); text-align: center; font: 12px/1.4 ui-monospace, monospace; padding-top: 4px; }
.label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.chips { grid-column: 3; display: flex; flex-wrap: wrap; gap: .3rem; padding: .3rem .5rem; }
.bar { fill: var(--drop); stroke: none; opacity: .5; }
.bar.wide { opacity: .18; }
.note { grid-column: 2; grid-row: 1; justify-self: center; background: var(--panel); border: 1px solid; }
.note { color: var(--drop); border-radius: 4px; padding: 0 .5em; font-size: .85em; z-index: 1; }
.note.operation { color: var(--text); font-family: ui-monospace, monospace; max-width: 90%; overflow-wrap: anywhere; }
.host { stroke: var(--strong-line); fill: none; }
g { stroke: var(--muted); fill: var(--muted); }
g.hit { stroke: var(--drop); fill: var(--drop); }
.line { stroke-width: 1.5; }
g.hit .line { stroke-width: 2; stroke-dasharray: 6 4; }
.cross { stroke-width: 2.5; fill: none; }
.about { padding: .2rem 1rem .8rem var(--time); background: var(--bg); border-bottom: 1px solid var(--line); }
.about pre { background: var(--panel); }
.about p { margin: .3rem 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
a { color: inherit; }
@media (max-width: 720px) {
  section, .about { padding-left: .6rem; }
  main, .run { --time: 3.4rem; --column: clamp(90px, (100vw - 6.5rem) / var(--hosts), 180px); }
  .hosts, summary { grid-template-columns: var(--time) var(--width); }
  .chips { grid-column: 1 / -1; padding: 0 0 .5rem; justify-content: center; }
}
@media print {
  :root { color-scheme: light; }
  .diagram { overflow: visible; }
  .hosts { position: static; }
  li, section { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; }
}
`
