/**
 * Bar charts as SVG text: panels one below the other, a bar for each candidate as long as its
 * median, a whisker from minimum to maximum. Numbers are written out, because a bar beside one
 * seventy times as long is invisible.
 */
import { tokens } from '../scripts/palette.mjs'

const BARS = 400
const VALUES = 150
/** Pixels that the longest heading needs. */
const LEAST = 740
/** Average width of a character in pixels; font metrics are not available here. */
const CHARACTER = 6.5
const ROW = 20
const HEAD = 34
const GAP = 14

const STYLE = `${tokens('panel', 'text', 'muted', 'strong-line', 'accent')}
.paper{fill:var(--panel)}text{font:12px system-ui,sans-serif;fill:var(--text)}.title{font-weight:600}.unit{fill:var(--muted)}
.bar{fill:var(--strong-line)}.ours{fill:var(--accent)}.whisker{stroke:var(--text)}`

/**
 * @param {string} title of the whole picture
 * @param {string} place where it was measured
 * @param {{ title: string, note: string, bars: { label: string, value: string, median: number, min:
 * number, max: number, ours: boolean }[] }[]} panels
 * @returns {string} an SVG document
 */
export function barCharts(title, place, panels) {
  const longest = Math.max(...panels.flatMap(({ bars }) => bars.map(({ label }) => label.length)))
  const labels = Math.ceil(24 + longest * CHARACTER)
  const width = Math.max(labels + BARS + VALUES, LEAST)
  const body = []
  let y = 44
  for (const { title: heading, note, bars } of panels) {
    body.push(text(12, y + 16, `${heading} (${note})`, 'title'))
    y += HEAD - 8
    const scale = BARS / (Math.max(...bars.map(({ max }) => max)) || 1)
    for (const bar of bars) {
      body.push(...row(bar, y, labels, scale))
      y += ROW
    }
    y += GAP
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${width}" height="${y}"/>`,
    text(12, 20, title, 'unit'),
    text(12, 36, place, 'unit'),
    ...body,
    '</svg>\n',
  ].join('\n')
}

function row({ label, value, median, min, max, ours }, y, labels, scale) {
  const at = value => round(labels + value * scale)
  const middle = y + ROW / 2
  return [
    text(labels - 8, y + 14, label, undefined, 'end'),
    `<rect class="${ours ? 'ours' : 'bar'}" x="${labels}" y="${y + 3}" width="${round(median * scale)}" height="${ROW - 6}"/>`,
    `<path class="whisker" d="M${at(min)} ${middle}H${at(max)}"/>`,
    text(labels + BARS + 10, y + 14, value),
  ]
}

function text(x, y, content, style, anchor) {
  const kind = style === undefined ? '' : ` class="${style}"`
  const side = anchor === undefined ? '' : ` text-anchor="${anchor}"`
  return `<text x="${x}" y="${y}"${kind}${side}>${escaped(content)}</text>`
}

function round(value) {
  return Number(value.toFixed(1))
}

function escaped(content) {
  return content.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}
