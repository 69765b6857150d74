/**
 * The page of a result: one HTML file without scripts and external resources. Packets are the
 * arrows of a sequence diagram, and each opens to show its verdicts. Packets, errors and output are
 * text of strangers: every text is escaped by `html`.
 */
import { printableLines } from 'vnet/internal/base/printable'
import { PAGE_STYLE } from './page-style.ts'
import {
  type ExploreResult,
  type Failure,
  type ResultPacket,
  type ResultPoint,
  timesText,
  type Verdict,
  wireNote,
} from './result.ts'

/** Text that is HTML already. */
class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | undefined | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function textOf(part: Part): string {
  if (part instanceof Html) return part.text
  if (Array.isArray(part)) return part.map(textOf).join('')
  return part === undefined ? '' : printableLines(String(part)).replace(/[&<>"']/g, char => ENTITIES[char] ?? '')
}

/** Returns a template as HTML, its values escaped unless they are Html. */
function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, i) => text + (i < parts.length ? textOf(parts[i]) : '')).join(''))
}

/** Pixels of a column and of a row of the diagram. */
const COLUMN = 180
const ROW = 40
/** The worst first. */
const VERDICTS: readonly Verdict[] = ['failed', 'slower', 'missed', 'skipped', 'passed']

/** Returns the page of a result; `title` names the file and the command. */
export function pageOf(result: ExploreResult, title: string): string {
  const hosts = [...new Set(result.packets.flatMap(packet => endsOf(packet, result.packets)))]
  const page = html`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: ${result.passed ? 'passed' : 'failed'}</title>
<style>${new Html(PAGE_STYLE)}</style>
<main style="--width: ${hosts.length * COLUMN}px">
<h1>${title} <span class="verdict ${result.passed ? 'passed' : 'failed'}">${result.passed ? 'passed' : 'failed'}</span></h1>
${summary(result)}
${result.packets.length === 0 ? undefined : diagram(result, hosts)}
${result.failures.length === 0 ? undefined : html`<h2>Failures</h2>${result.failures.map(failureOf)}`}
</main>
</html>
`
  return page.text
}

function summary({ points, skippedPairs, cleanErrors, baseline, rto, unsteady, ms, runs }: ExploreResult): Html {
  const counts = VERDICTS.map(verdict => {
    const others = verdict === 'skipped' ? skippedPairs : 0
    return [verdict, points.filter(point => point.verdict === verdict).length + others] as const
  })
  const clean =
    cleanErrors.length > 0
      ? html`<p>Runs without faults failed, so nothing else was tried:</p>${cleanErrors.map(error => html`<pre>${error}</pre>`)}`
      : html`<p>Runs without faults passed in ${timesText(baseline.times)}; TCP's least timeout is ${rto}.</p>`
  return html`<p>${points.length + skippedPairs} faults: ${counts
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => html`<span class="verdict ${verdict}">${count} ${verdict}</span> `)}
in ${runs} runs, ${(ms / 1000).toFixed(1)} s.</p>${clean}${
    unsteady.length === 0 ? undefined : html`<ul>${unsteady.map(line => html`<li>${line}</li>`)}</ul>`
  }`
}

function diagram(result: ExploreResult, hosts: readonly string[]): Html {
  return html`<h2 id="packets">Packets</h2>
<p>Each packet opens to show its verdicts.</p>
<div class="diagram">
<div class="hosts" aria-hidden="true"><span>ms</span><span class="names">${hosts.map(host => html`<b>${host}</b>`)}</span></div>
<ol aria-labelledby="packets">
${result.packets.map((packet, i) => row(result, packet, i, hosts))}
</ol>
</div>`
}

function row(result: ExploreResult, packet: ResultPacket, index: number, hosts: readonly string[]): Html {
  const points = result.points.filter(point => point.packet === index)
  const worst = VERDICTS.find(verdict => points.some(point => point.verdict === verdict)) ?? 'skipped'
  const [from, to] = endsOf(packet, result.packets)
  const label = packet.name.slice(`${packet.link} ${packet.direction} ${packet.flow} `.length)
  const single = points.filter(({ second }) => second === undefined)
  return html`<li><details><summary>
<span class="at">${packet.at.toFixed(1)}</span>
<span class="hidden">${from} to ${to}: </span>
${arrow(hosts, hosts.indexOf(from), hosts.indexOf(to), worst)}
<span class="label" style="--from: ${Math.min(hosts.indexOf(from), hosts.indexOf(to))}">${label}</span>
<span class="chips">${single.map(point => chip(result.faults[point.fault] ?? '', point))}</span>
</summary>
<div class="about">
<p><code>${packet.text}</code></p>
<p>${packet.name}; ${packet.length} bytes${packet.after === undefined ? undefined : html`; only after: ${packet.after}`}</p>
${points.length === 0 ? undefined : html`<ul>${points.map(point => pointOf(result, point))}</ul>`}
</div></details></li>
`
}

/** Returns the row of the diagram: a line for each host, and the arrow of the packet. */
function arrow(hosts: readonly string[], from: number, to: number, verdict: Verdict): Html {
  const centre = (column: number) => column * COLUMN + COLUMN / 2
  const [y, head] = [ROW - 12, from < to ? -8 : 8]
  const [x1, x2] = [centre(from), centre(to)]
  const lines = hosts.map((_, i) => html`<path class="host" d="M${centre(i)} 0V${ROW}"/>`)
  const cross = html`<path class="cross" d="M${(x1 + x2) / 2 - 6} ${y - 6}l12 12m0 -12l-12 12"/>`
  return html`<svg aria-hidden="true" width="${hosts.length * COLUMN}" height="${ROW}">${lines}<g class="${verdict}">
<path class="line" d="M${x1} ${y}H${x2}"/><path class="head" d="M${x2} ${y}l${head} -5v10z"/>${
    verdict === 'failed' ? cross : undefined
  }</g></svg>`
}

/** A verdict is a text, too: colours alone say nothing on paper, and nothing to many people. */
function chip(fault: string, point: ResultPoint): Html {
  const sign = { passed: '✓', failed: '✗', missed: '?', skipped: '–', slower: slower(point) }[point.verdict]
  return html`<span class="verdict ${point.verdict}"><span aria-hidden="true">${fault} ${sign}</span><span class="hidden">${fault} ${point.verdict}, </span></span>`
}

const slower = ({ factor = 1 }: ResultPoint) => `×${factor.toFixed(factor < 10 ? 1 : 0)}`

function pointOf({ faults, failures }: ExploreResult, point: ResultPoint): Html {
  const { verdict, failed = 0, runs = 0, ms, clean = [], error } = point
  const parts = [
    verdict === 'failed' && runs > 0 ? `failed in ${failed} of ${runs} runs` : verdict,
    ...(verdict === 'slower' ? [slower(point)] : []),
    ...(ms === undefined ? [] : [`${ms.toFixed(1)} ms`]),
    ...(verdict === 'slower' ? [`${timesText(clean)} without the fault`] : []),
  ]
  const what = point.second === undefined ? faults[point.fault] : point.faults.join(' and ')
  const at = failures.findIndex(failure => failure.faults.join() === point.faults.join())
  return html`<li><b>${what}</b>: <span class="verdict ${verdict}">${parts.join(', ')}</span>
${error === undefined ? undefined : html`<pre>${error}</pre>`}
${at < 0 ? undefined : html`<a href="#failure-${at + 1}">how to repeat it</a>`}</li>`
}

function failureOf(failure: Failure, i: number): Html {
  const { faults, failed, runs, stopped, error, output, packets, wire, captures, recordedFailed, test } = failure
  return html`<section id="failure-${i + 1}" tabindex="-1">
<h3>${faults.join(' and ')}</h3>
<p>Failed in ${failed} of ${runs} runs${stopped ? ', and then stopped' : ''}.</p>
<pre>${error}</pre>
<pre>${packets.join('\n')}</pre>
${output === '' ? undefined : html`<h4>Output</h4><pre>${output}</pre>`}
<h4>Repeat it</h4>
<pre>${test}</pre>
${wire.map(each => html`<p>${each.link} ${each.direction}: <code>${each.wire}</code>${wireNote(failure)}</p><pre>${each.code.join('\n')}</pre>`)}
${captures.map(path => html`<p>Capture: <code>${path}</code>${recordedFailed ? undefined : ' (this run passed)'}</p>`)}
</section>`
}

type Named = Pick<ResultPacket, 'link' | 'direction' | 'flow'>

/**
 * Returns the sending and the receiving host of a packet. Links are named by their ends,
 * `client-server`, or `client-server.2`. A hyphen may belong to a host, too: the hosts of
 * flows decide.
 */
export function endsOf({ link, direction }: Named, packets: readonly Named[]): [from: string, to: string] {
  const known = new Set(packets.flatMap(({ flow }) => hostsOf(flow)))
  const name = link.replace(/\.\d+$/, '')
  const splits = [...name.matchAll(/-/g)].map(({ index }): [string, string] => {
    return [name.slice(0, index), name.slice(index + 1)]
  })
  const count = (ends: readonly string[]) => ends.filter(end => known.has(end)).length
  const [[a, b] = [name, '']] = splits.sort((one, other) => count(other) - count(one))
  return direction === 'ab' ? [a, b] : [b, a]
}

/** Returns the hosts of `tcp client:*#2 > server:80`. */
function hostsOf(flow: string): string[] {
  const [, from = '', , to = ''] = flow.split(' ')
  return [from, to].map(end => end.replace(/(:[^:]*)?(#\d+)?$/, ''))
}
