/**
 * The page of `vnet grade --report` about one student: one HTML file without scripts and other
 * files. It has the driver's own texts, so `html` escapes every text.
 */
import { Html, html } from 'vnet/kit/base'
import {
  type CheckPlace,
  type Exercise,
  notRun,
  type Result,
  titleOf,
  VERDICTS,
} from '../exercise.ts'
import { EARLIER_FAILED } from '../progress.ts'
import type { Grade } from './grade-driver.ts'

/** An exercise of the student, and its grade. */
export interface Reported {
  readonly exercise: Exercise
  readonly grade: Grade
}

const VERDICT_TEXTS = {
  passed: 'passed',
  failed: 'failed',
  'not run': 'not all checks ran',
  'not graded': 'not graded: vnet itself failed, so this says nothing about the driver',
  missing: 'missing: no driver was handed in',
} as const

const STYLE = new Html(`:root {
  --panel: light-dark(#ffffff, #171b21);
  --text: light-dark(#1b1f24, #e3e8ee);
  --muted: light-dark(#57606a, #9da7b3);
  --line: light-dark(#d0d5db, #323a44);
  --drop: light-dark(#b3261e, #ff8178);
  --ok: light-dark(#17732f, #5cc86f);
  color-scheme: light dark;
}
body {
  margin: 0 auto;
  max-width: 46rem;
  padding: 1rem;
  background: var(--panel);
  color: var(--text);
  font: 16px / 1.5 system-ui, sans-serif;
  overflow-wrap: anywhere;
}
h2 { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
ul { padding: 0; list-style: none; }
li { margin: 0.5rem 0; border-left: 3px solid var(--line); padding-left: 0.75rem; }
.passed > b { color: var(--ok); }
.failed { border-color: var(--drop); }
.failed > b { color: var(--drop); }
.not-run { color: var(--muted); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 0.75rem; margin: 0.25rem 0; }
dt { color: var(--muted); }
dd { margin: 0; }
dd.code { font-family: ui-monospace, monospace; font-size: 0.875em; white-space: pre-wrap; }
@media print { li { break-inside: avoid; } }`)

/** Returns the page of a student. */
export function reportPage(student: string, reported: readonly Reported[]): string {
  const passed = reported.filter(({ grade }) => grade.verdict === 'passed').length
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${student}: drivers of the course</title>
<style>${STYLE}</style>
<main>
<h1>${student}</h1>
<p>${passed} of ${reported.length} exercises passed.</p>
${reported.map(sectionOf)}</main>
</html>
`.text
}

function sectionOf({ exercise, grade }: Reported): Html {
  const { name, title } = exercise
  const { verdict, passed, checks, points, most } = grade
  const score = points === undefined ? '' : `, ${points} of ${most} points`
  const hasRun = verdict !== 'missing'
  return html`<section>
<h2>${name}: ${title}</h2>
<p><b>${VERDICT_TEXTS[verdict]}</b>${hasRun ? `; ${passed} of ${checks} checks count as passed${score}` : score}</p>
${hasRun ? resultsOf(exercise, grade) : undefined}</section>
`
}

/** The results up to the first failure, and those after it. */
function resultsOf(exercise: Exercise, grade: Grade): Html {
  const all = inOrder(exercise, grade)
  const end = all.findIndex(({ result }) => result === 'failed') + 1 || all.length
  const [counted, after] = [all.slice(0, end), all.slice(end)]
  if (after.every(({ why }) => why === EARLIER_FAILED)) return list(all)
  return html`${list(counted)}<h3>After the first failure</h3>
<p>These results do not count: a check may need what an earlier one found missing.</p>
${list(after)}`
}

/** Returns one result for each check, after those of the driver as a whole. */
function inOrder({ memory, live }: Exercise, { results, further = [] }: Grade): readonly Result[] {
  const found = [...results.filter(({ why }) => why !== EARLIER_FAILED), ...further]
  const ofPlace = (where: CheckPlace, declared: Exercise[CheckPlace]) =>
    declared.map(
      ({ title }) =>
        found.find(each => each.title === title && each.where === where) ??
        notRun(title, where, EARLIER_FAILED),
    )
  const checks = [...ofPlace('memory', memory), ...ofPlace('live', live)]
  const titles = checks.map(({ title }) => title)
  return [...found.filter(({ title }) => !titles.includes(title)), ...checks]
}

const list = (results: readonly Result[]): Html => html`<ul>
${results.map(itemOf)}</ul>
`

function itemOf(found: Result): Html {
  const { result, seen, expected, read, logged = [] } = found
  const rows = [
    seen !== undefined && html`<dt>seen<dd>${seen}`,
    expected !== undefined && html`<dt>expected<dd>${expected}`,
    read !== undefined && html`<dt>read<dd>README.md, "${read}"`,
    ...logged.map(line => html`<dt>logged<dd class="code">${line}`),
  ].filter(row => row instanceof Html)
  const details = rows.length > 0 ? html`<dl>${rows}</dl>` : undefined
  return html`<li class="${result.replace(' ', '-')}"><b>${VERDICTS[result]}</b> ${titleOf(found)}${details}</li>
`
}
