/**
 * node dist/vnet.js rootless -- node docs/pictures/recording.mjs [FILE.svg]: writes
 * docs/recording.svg, ten seconds of two terminals on a real link. The left one pings; the right
 * one changes the wire. Every line appears in the picture at the time at which it was printed.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { tokens } from '../../scripts/palette.mjs'

const SECONDS = 10
const FONT_SIZE = 13
const LINE = 18
const COLUMN = FONT_SIZE * 0.602
const PANES = { left: 1, right: 64 }
const COLUMNS = 128
const ROWS = 24
/** Colours by the text of a line: the prompt, what is lost, what is late. */
const COLOURS = [
  [/^\$ /, 'var(--text)'],
  [/no answer|dropped: /, 'var(--drop)'],
  [/time=[1-9]\d\d/, 'var(--warn)'],
]
const PLAIN = 'var(--muted)'

const lines = []
const rows = { left: 0, right: 0 }
let start = 0

function print(pane, text) {
  lines.push({
    pane,
    row: rows[pane]++,
    text,
    time: Math.max((performance.now() - start) / 1000, 0.05),
  })
}

/** Runs a command of the right terminal to its end. */
async function run(command, ...args) {
  print(
    'right',
    `$ vnet ${[command, ...args].map(arg => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ')}`,
  )
  const child = spawn(process.execPath, ['dist/vnet.js', command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    print('right', line)
  }
  print('right', '')
}

const vnet = spawn(process.execPath, ['dist/vnet.js', 'snull', '--quiet'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
await once(vnet.stdout, 'data')
// The first reply takes longer, because code is compiled.
await once(spawn('ping', ['-c', '3', '-i', '0.2', '198.18.0.2'], { stdio: 'ignore' }), 'close')
start = performance.now()
const at = async second => setTimeout(start + second * 1000 - performance.now())
print('left', '$ ping -O -i 0.5 198.18.0.2')
const ping = spawn('ping', ['-O', '-i', '0.5', '198.18.0.2'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
createInterface(ping.stdout).on('line', line => print('left', line))
await at(1.5)
await run('wire', 'sn0', 'delay 50ms 10ms')
await at(4)
await run('wire', 'sn0', '--wire-ab', "drop 'icmp' nth 3")
await at(7)
await run('wire', 'sn0', 'preset slow-3g')
await at(9)
await run('stats', 'sn0')
await at(SECONDS)
ping.kill()
vnet.kill()
writeFileSync(process.argv[2] ?? 'docs/recording.svg', svg())

/** A viewer that cannot animate shows the last picture. */
function svg() {
  const [width, height] = [Math.ceil(COLUMNS * COLUMN), (ROWS + 2) * LINE]
  const shown = lines.filter(({ row, text }) => row < ROWS && text !== '')
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="${FONT_SIZE}">`,
    '<title>ping through vnet snull while the impairments of its wire change</title>',
    `<style>${tokens('bg', 'text', 'muted', 'line', 'drop', 'warn')}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="var(--bg)"/>`,
    `<path d="M${column(PANES.right) - 12} 10v${height - 20}" stroke="var(--line)"/>`,
    `<circle r="0"><animate id="t" attributeName="r" from="0" to="0" dur="${SECONDS + 3}s" begin="0"/></circle>`,
    ...shown.map(textOf),
    '</svg>',
  ].join('\n')}\n`
}

function textOf({ pane, row, text, time }) {
  const [, colour = PLAIN] = COLOURS.find(([pattern]) => pattern.test(text)) ?? []
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const hidden = `<set attributeName="visibility" to="hidden" begin="t.begin" dur="${time.toFixed(2)}s"/>`
  return `<text x="${column(PANES[pane])}" y="${(row + 1.8) * LINE}" fill="${colour}" xml:space="preserve">${hidden}${escaped}</text>`
}

function column(n) {
  return Math.round(n * COLUMN)
}
