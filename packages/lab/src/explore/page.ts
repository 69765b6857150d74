/**
 * The page of a result: one HTML file without scripts and external resources. Packets are the
 * arrows of a sequence diagram, and each opens to show its verdicts. Packets, errors and output are
 * text of strangers: `html` escapes every text.
 */

import { readFileSync } from 'node:fs'
import { Html, html } from 'vnet/kit/base'
import { firstOf, firstOfEach, unlike } from './lists.ts'
import {
  byPacket,
  type ExploreResult,
  type Failure,
  type ResultPacket,
  type ResultPoint,
  schedulesText,
  shownOf,
  timesText,
  type Verdict,
  wireNote,
} from './result.ts'
import { runDiagram } from './run-diagram.ts'
import { arrow, connectionNames, endsOf, knownHosts, rowOf } from './sequence.ts'

/** The mark of the site, without its own colours. */
const MARK = html`<svg viewBox="0 0 36 16" height="16" aria-hidden="true"><g><rect y="3" width="10" height="10" rx="2"/><path d="M9 7h5v2H9zM22 7h5v2h-5z"/><rect x="26" y="3" width="10" height="10" rx="2"/></g><circle cx="18" cy="8" r="2.5"/></svg>`

/** Returns the style sheet of the page. */
const styleText = () => readFileSync(new URL('../../templates/page.css', import.meta.url), 'utf8')

/** The worst first. */
const VERDICTS: readonly Verdict[] = ['failed', 'error', 'slower', 'missed', 'skipped', 'passed']

/** Returns the page of a result; `title` names the file and the command. */
export function pageOf(result: ExploreResult, title: string): string {
  const diagram = diagramOf(result)
  const page = html`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: ${result.passed ? 'passed' : 'failed'}</title>
<style>${new Html(styleText())}</style>
<main style="--hosts: ${diagram.hosts.length}">
<p class="mark">${MARK} vnet explore</p>
<h1>${title} <span class="verdict ${result.passed ? 'passed' : 'failed'}">${result.passed ? 'passed' : 'failed'}</span></h1>
${result.promise === undefined ? undefined : html`<p>Promise: ${result.promise}</p>`}
${summary(result)}
${result.packets.length === 0 ? undefined : rowsOf(diagram, result.packets)}
${result.failures.length === 0 ? undefined : html`<h2>Failures</h2>${result.failures.map(failureOf)}`}
</main>
</html>
`
  return page.text
}

function summary({
  points,
  cleanErrors,
  baseline,
  rto,
  unsteady,
  ms,
  runs,
  ...result
}: ExploreResult): Html {
  const uncounted = result.skippedPairs + result.skippedRepairs
  const counts = VERDICTS.map(verdict => {
    const others = verdict === 'skipped' ? uncounted : 0
    return [verdict, points.filter(point => point.verdict === verdict).length + others] as const
  })
  const clean =
    cleanErrors.length > 0
      ? html`<p>Runs without faults failed, so nothing else was tried:</p>${unlike(cleanErrors).map(error => html`<pre>${error}</pre>`)}`
      : html`<p>Runs without faults passed in ${timesText(baseline.times)}; TCP's least timeout is ${rto}.</p>`
  return html`<p>${points.length + uncounted} faults: ${counts
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => html`<span class="verdict ${verdict}">${count} ${verdict}</span> `)}
in ${runs} runs, ${(ms / 1000).toFixed(1)} s.</p>${schedulesText(result.schedules).map(text => html`<p>${text}.</p>`)}${clean}${
    unsteady.length === 0
      ? undefined
      : html`<ul>${firstOfEach(unsteady).map(line => html`<li>${line}</li>`)}</ul>`
  }`
}

interface Diagram {
  readonly faults: readonly string[]
  readonly hosts: readonly string[]
  /** The hosts of flows. */
  readonly known: ReadonlySet<string>
  /** Returns how the label of a packet starts. */
  connectionOf(packet: ResultPacket): string
  /** The points of each packet. */
  readonly points: readonly (readonly ResultPoint[])[]
  /** The numbers of failures, by their faults. */
  readonly failures: ReadonlyMap<string, number>
}

function diagramOf({ packets, points, faults, failures }: ExploreResult): Diagram {
  const known = knownHosts(packets)
  return {
    faults,
    hosts: [...new Set(packets.flatMap(packet => endsOf(packet, known)))],
    known,
    connectionOf: connectionNames(packets),
    points: byPacket(packets, points),
    failures: new Map(
      failures.flatMap(({ faults: own, also }, i) =>
        [own.join(), ...also].map(text => [text, i + 1] as const),
      ),
    ),
  }
}

function rowsOf(diagram: Diagram, packets: readonly ResultPacket[]): Html {
  return html`<h2 id="packets">Packets</h2>
<p>Each packet opens to show its verdicts.</p>
<div class="diagram">
<div class="hosts" aria-hidden="true"><span>ms</span><span class="names">${diagram.hosts.map(host => html`<b>${host}</b>`)}</span></div>
<ol aria-labelledby="packets">
${packets.map((packet, i) => row(diagram, packet, i))}
</ol>
</div>`
}

function row(diagram: Diagram, packet: ResultPacket, index: number): Html {
  const { faults, hosts, known, points: all } = diagram
  const points = all[index] ?? []
  const [from, to] = endsOf(packet, known)
  const part = packet.name.slice(`${packet.link} ${packet.direction} ${packet.flow} `.length)
  const single = points.filter(({ second }) => second === undefined)
  return html`<li><details><summary>
<span class="at">${packet.at.toFixed(1)}</span>
<span class="hidden">${from} to ${to}: </span>
${rowOf(hosts, [arrow(hosts.indexOf(from), hosts.indexOf(to))])}
<span class="label" style="--from: ${Math.min(hosts.indexOf(from), hosts.indexOf(to))}">${diagram.connectionOf(packet)}${part}</span>
<span class="chips">${faults.map((fault, f) => chip(fault, shownOf(single.filter(point => point.fault === f))))}</span>
</summary>
<div class="about">
<p><code>${packet.text}</code></p>
<p>${packet.name}; ${packet.length} bytes${packet.after === undefined ? undefined : html`; only after: ${packet.after}`}</p>
${points.length === 0 ? undefined : html`<ul>${points.map(point => pointOf(diagram, point))}</ul>`}
</div></details></li>
`
}

/** A verdict is a text, too: colours alone say nothing on paper, and nothing to many people. */
function chip(fault: string, point: ResultPoint | undefined): Html | undefined {
  if (point === undefined) return undefined
  const signs = { passed: '✓', error: '!', failed: '✗', missed: '?', skipped: '–' }
  const sign = point.verdict === 'slower' ? slower(point) : signs[point.verdict]
  return html`<span class="verdict ${point.verdict}"><span aria-hidden="true">${fault} ${sign}</span><span class="hidden">${fault} ${point.verdict}, </span></span>`
}

const slower = ({ factor = 1 }: ResultPoint) => `×${factor.toFixed(factor < 10 ? 1 : 0)}`

function pointOf({ faults, failures }: Diagram, point: ResultPoint): Html {
  const { verdict, failed = 0, runs = 0, ms, clean = [], error } = point
  const parts = [
    verdict === 'failed' && runs > 0 ? `failed in ${failed} of ${runs} runs` : verdict,
    ...(verdict === 'slower' ? [slower(point)] : []),
    ...(ms === undefined ? [] : [`${ms.toFixed(1)} ms`]),
    ...(verdict === 'slower' ? [`${timesText(clean)} without the fault`] : []),
  ]
  const isRepaired = point.faults.at(-1)?.startsWith('repair ') === true
  const what =
    point.second === undefined && !isRepaired ? faults[point.fault] : point.faults.join(' and ')
  const at = failures.get(point.faults.join())
  return html`<li><b>${what}</b>: <span class="verdict ${verdict}">${parts.join(', ')}</span>
${error === undefined ? undefined : html`<pre>${error}</pre>`}
${at === undefined ? undefined : html`<a href="#failure-${at}">how to repeat it</a>`}</li>`
}

function failureOf(failure: Failure, i: number): Html {
  const {
    faults,
    also,
    failed,
    runs,
    stopped,
    error,
    output,
    run,
    packets,
    wire,
    captures,
    recordedFailed,
    test,
  } = failure
  return html`<section id="failure-${i + 1}" tabindex="-1">
<h3>${faults.join(' and ')}</h3>
<p>Failed in ${failed} of ${runs} runs${stopped ? ', and then stopped' : ''}.</p>
<pre>${error}</pre>
<pre>${packets.join('\n')}</pre>
${run === undefined ? undefined : runDiagram(run, `Packets of failure ${i + 1}`)}
${output === '' ? undefined : html`<h4>Output</h4><pre>${output}</pre>`}
${also.length === 0 ? undefined : html`<h4>Also at</h4><ul>${firstOf(also).map(fault => html`<li>${fault}</li>`)}</ul>`}
<h4>Repeat it</h4>
<pre>${test}</pre>
${wire.map(each => html`<p>${each.link} ${each.direction}: <code>${each.wire}</code>${wireNote(failure)}</p><pre>${each.code.join('\n')}</pre>`)}
${captures.map(path => html`<p>Capture: <code>${path}</code>${recordedFailed ? undefined : ' (this run passed)'}</p>`)}
</section>`
}
