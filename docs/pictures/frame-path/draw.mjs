/**
 * sudo node docs/pictures/frame-path/draw.mjs > docs/frame-path.svg: sends pings through a running
 * snull, and draws the path of one of them with the time of each step. Needs root, ip, ping and
 * tcpdump.
 *
 * stamped-snull.mjs stamps the steps in vnet, tcpdump the steps in the kernel. The two clocks are
 * aligned by two facts about each frame: the kernel receives it while vnet writes it, and vnet
 * reads it after the kernel sent it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tokens } from '../../../scripts/palette.mjs'

const PINGS = 1000
/** The first ones run in code that V8 has not compiled yet. */
const WARM_UP = 501

const path = file => fileURLToPath(new URL(file, import.meta.url))

const { stamps, kernel } = await measure(`vnet-path-${process.pid}`)
process.stdout.write(draw(chosen(stamps, kernel)))

/** Runs vnet, tcpdump and ping in a network namespace of their own. */
async function measure(netns) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-path-'))
  const file = join(directory, 'stamps.json')
  execFileSync('ip', ['netns', 'add', netns])
  const inside = (command, ...args) =>
    spawn('ip', ['netns', 'exec', netns, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, STAMPS: file },
    })
  try {
    const vnet = collecting(
      inside(process.execPath, path('../../../dist/vnet.js'), '-q', path('stamped-snull.mjs')),
    )
    await vnet.until('stdout', /^ready$/m)
    const tcpdump = collecting(
      inside('tcpdump', '-lttn', '--nano', '--immediate-mode', '-i', 'any', 'icmp'),
    )
    await tcpdump.until('stderr', /listening on/)
    const ping = collecting(inside('ping', '-i', '0.002', '-c', String(PINGS), '198.18.0.2'))
    await ping.end()
    const last = new RegExp(`sn0 +In .* seq ${PINGS},`)
    await tcpdump.until('stdout', last)
    tcpdump.child.kill('SIGINT')
    vnet.child.kill('SIGINT')
    await Promise.all([tcpdump.end(), vnet.end()])
    const stamps = JSON.parse(readFileSync(file, 'utf8'))
    return { stamps, kernel: kernelSteps(tcpdump.text.stdout) }
  } finally {
    execFileSync('ip', ['netns', 'del', netns])
    rmSync(directory, { recursive: true })
  }
}

function collecting(child) {
  const text = { stdout: '', stderr: '' }
  const ended = once(child, 'close')
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', more => {
      text[name] += more
    })
  }
  async function until(name, pattern) {
    const deadline = setTimeout(() => child.kill('SIGKILL'), 20_000)
    while (!pattern.test(text[name])) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`it ended: ${text.stderr}`)
      }
      await Promise.race([once(child[name], 'data'), ended])
    }
    clearTimeout(deadline)
  }
  return { child, text, until, end: () => ended }
}

/**
 * Returns { dev, direction, type, seq, us } for each frame that tcpdump saw; `us` counts from the
 * first.
 */
function kernelSteps(text) {
  const lines = text.matchAll(
    /^(\d+)\.(\d{9}) (sn\d) +(In|Out) .*ICMP echo (request|reply), .* seq (\d+),/gm,
  )
  let first
  return [...lines].map(([, seconds, ns, dev, direction, kind, seq]) => {
    const at = BigInt(seconds) * 1_000_000_000n + BigInt(ns)
    first ??= at
    return {
      dev,
      direction,
      type: kind === 'request' ? 8 : 0,
      seq: Number(seq),
      us: Number(at - first) / 1000,
    }
  })
}

/** Returns the steps of the ping with the median time, in us since the kernel sent it. */
function chosen(stamps, kernel) {
  const of = (steps, want) =>
    steps.find(each => Object.entries(want).every(([key, value]) => each[key] === value))?.us
  const pings = []
  for (let seq = WARM_UP; seq <= PINGS; seq++) {
    const there = { seq, type: 8 }
    const back = { seq, type: 0 }
    const ping = {
      sent: of(kernel, { ...there, dev: 'sn0', direction: 'Out' }),
      read: of(stamps, { ...there, dev: 'sn0', step: 'read' }),
      xmit: of(stamps, { ...there, dev: 'sn0', step: 'xmit' }),
      rx: of(stamps, { ...there, dev: 'sn1', step: 'netif_rx' }),
      submit: of(stamps, { ...there, dev: 'sn1', step: 'submit' }),
      received: of(kernel, { ...there, dev: 'sn1', direction: 'In' }),
      written: of(stamps, { ...there, dev: 'sn1', step: 'written' }),
      replied: of(kernel, { ...back, dev: 'sn1', direction: 'Out' }),
      backRead: of(stamps, { ...back, dev: 'sn1', step: 'read' }),
      backXmit: of(stamps, { ...back, dev: 'sn1', step: 'xmit' }),
      backRx: of(stamps, { ...back, dev: 'sn0', step: 'netif_rx' }),
      backSubmit: of(stamps, { ...back, dev: 'sn0', step: 'submit' }),
      backReceived: of(kernel, { ...back, dev: 'sn0', direction: 'In' }),
      backWritten: of(stamps, { ...back, dev: 'sn0', step: 'written' }),
    }
    if (Object.values(ping).every(us => us !== undefined)) {
      pings.push(ping)
    }
  }
  const least = Math.max(
    ...pings.flatMap(p => [
      p.received - p.written,
      p.backReceived - p.backWritten,
      p.sent - p.read,
    ]),
  )
  const most = Math.min(
    ...pings.flatMap(p => [p.received - p.submit, p.backReceived - p.backSubmit]),
  )
  if (!(least <= most)) throw new Error(`the clocks cannot be aligned: ${least} to ${most} us`)
  const shift = (least + most) / 2
  const total = p => p.backReceived - p.sent
  const ping = pings.sort((a, b) => total(a) - total(b))[pings.length >> 1]
  const byKernel = ['sent', 'received', 'replied', 'backReceived']
  const since = (name, us) => us + (byKernel.includes(name) ? 0 : shift) - ping.sent
  return Object.fromEntries(Object.entries(ping).map(([name, us]) => [name, since(name, us)]))
}

function draw(at) {
  const [WIDTH, TOP, ROW] = [820, 116, 32]
  const [SN0, VNET, SN1] = [170, 455, 740]
  const rows = [
    { us: at.sent, from: SN0, text: 'ping: 198.18.0.1 > 198.18.0.2', side: 1 },
    { us: at.read, from: SN0, to: VNET, text: '(2) wakes up, reads into a slot' },
    { us: at.xmit, from: VNET, text: '(3) ndoStartXmit: flips the networks', side: 1 },
    { us: at.rx, from: VNET, text: '(4) board, interrupt; (5a) netifRx', side: 1 },
    { us: at.submit, from: VNET, to: SN1, text: '(5d) submits: one write(2)' },
    { us: at.received, from: SN1, text: 'arrives as 198.18.1.1 > 198.18.1.2', side: -1 },
    { us: at.replied, from: SN1, text: 'reply: 198.18.1.2 > 198.18.1.1', side: -1 },
    { us: at.backRead, from: SN1, to: VNET, text: '(2) reads the reply' },
    { us: at.backXmit, from: VNET, text: '(3) ndoStartXmit: flips them back', side: -1 },
    { us: at.backRx, from: VNET, text: '(4) board, interrupt; (5a) netifRx', side: -1 },
    { us: at.backSubmit, from: VNET, to: SN0, text: '(5d) submits: one write(2)' },
    { us: at.backReceived, from: SN0, text: 'arrives as 198.18.0.2 > 198.18.0.1', side: 1 },
  ]
  const height = TOP + rows.length * ROW + 20
  const text = (x, y, content, anchor = 'start', style = '') =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}"${style && ` class="${style}"`}>${content.replaceAll('>', '&gt;')}</text>`
  const lane = (x, heading, below) => [
    text(x, TOP - 42, heading, 'middle', 'title'),
    text(x, TOP - 26, below, 'middle', 'unit'),
    `<path class="lane" d="M${x} ${TOP - 14}V${height - 14}"/>`,
  ]
  const body = rows.flatMap(({ us, from, to, text: words, side }, i) => {
    const y = TOP + i * ROW + 8
    const time = text(76, y + 4, `${us.toFixed(1)} µs`, 'end', 'unit')
    if (to === undefined) {
      const dot = `<circle class="dot" cx="${from}" cy="${y}" r="4"/>`
      return [time, dot, text(from + side * 12, y + 4, words, side > 0 ? 'start' : 'end')]
    }
    const direction = Math.sign(to - from)
    const arrow = `<path class="arrow" d="M${from} ${y}H${to - direction * 3}m${-direction * 8} -4l${direction * 8} 4l${-direction * 8} 4"/>`
    return [time, arrow, text((from + to) / 2, y - 6, words, 'middle')]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>The path of a ping through snull, with the time of each step</title>',
    `<style>${tokens('panel', 'text', 'muted', 'strong-line', 'accent')}
.paper{fill:var(--panel)}text{font:13px system-ui,sans-serif;fill:var(--text)}.title{font-weight:600}.unit{fill:var(--muted)}
.lane{stroke:var(--strong-line);stroke-width:1.5}.arrow{stroke:var(--accent);stroke-width:1.5;fill:none}.dot{fill:var(--accent)}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    text(12, 22, 'ping 198.18.0.2 through vnet snull, step by step', 'start', 'title'),
    text(
      12,
      40,
      `Measured: of ${PINGS} pings 2 ms apart, the one with the median time of the second half. ` +
        `Linux ${/^\d+\.\d+/.exec(release())[0]}, Node ${process.versions.node}.`,
      'start',
      'unit',
    ),
    ...lane(SN0, 'kernel: sn0', '198.18.0.1'),
    ...lane(VNET, 'vnet: TypeScript', 'steps 2 to 5 of docs/internals.md'),
    ...lane(SN1, 'kernel: sn1', '198.18.1.2'),
    ...body,
    '</svg>\n',
  ].join('\n')
}
