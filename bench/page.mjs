/**
 * `npm run bench:page`: the live page of 40 interfaces in chromium, with traffic through two of
 * them. Once a minute it prints how many frames a second the browser draws, the longest gap between
 * two, and the CPU time and memory of the page's server. Needs root and `apt install chromium`.
 * Runs in namespaces of its own, which end with it.
 */
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { countCpu } from './cpu.mjs'
import { isolated } from './isolated.mjs'
import { UsageError } from './options.mjs'
import { Processes, run } from './processes.mjs'

const HELP = `usage: npm run bench:page -- [--minutes N] [--view NAME,...] [--pings N]

  --minutes  minutes for each view, 0.1 to 60 (10)
  --view     all, driver, traffic, frames (driver)
  --pings    a second, 1 to 1000; up to 5 the page draws each frame as a dot (100)
`
const VNET = fileURLToPath(new URL('../dist/vnet.js', import.meta.url))
/** Seconds that a vnet may take until it is ready. */
const START = 20
const PORTS = Array.from({ length: 38 }, (_, i) => `port${i + 1}`)
const SIZE = { width: 1280, height: 800 }

function optionsOf(args) {
  const options = {
    minutes: { type: 'string', default: '10' },
    view: { type: 'string', default: 'driver' },
    pings: { type: 'string', default: '100' },
    help: { type: 'boolean', default: false },
  }
  const { minutes, view, pings, help } = parseArgs({ args, options }).values
  if (!(minutes >= 0.1 && minutes <= 60)) throw new UsageError(`--minutes ${minutes}: 0.1 to 60`)
  if (!(pings >= 1 && pings <= 1000)) throw new UsageError(`--pings ${pings}: 1 to 1000`)
  const views = view.split(',')
  const unknown = views.find(each => !['all', 'driver', 'traffic', 'frames'].includes(each))
  if (unknown !== undefined) throw new UsageError(`--view ${unknown}: all, driver, traffic or frames`)
  return { minutes: Number(minutes), views, pings: Number(pings), help }
}

/** Returns the milliseconds between the frames that the page draws in `ms`, ascending. */
function gaps(page, ms) {
  return page.evaluate(ms => {
    return new Promise(resolve => {
      const found = []
      let last = performance.now()
      const end = last + ms
      requestAnimationFrame(function next(now) {
        found.push(now - last)
        last = now
        if (now < end) requestAnimationFrame(next)
        else resolve(found.sort((a, b) => a - b))
      })
    })
  }, ms)
}

const residentMiB = pid => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

async function heapMiB(session) {
  await session.send('HeapProfiler.collectGarbage')
  return (await session.send('Runtime.getHeapUsage')).usedSize / 2 ** 20
}

async function measure({ page, session, server }, view, minutes) {
  await page.evaluate(view => {
    location.hash = `#${view}///sn0`
  }, view)
  await setTimeout(2000)
  for (let left = minutes; left > 0; left -= 1) {
    const count = countCpu(server)
    const found = await gaps(page, Math.min(left, 1) * 60_000)
    const { candidate, seconds } = count()
    const columns = [
      view.padEnd(8),
      (found.length / seconds).toFixed(1).padStart(6),
      found.at(-1).toFixed(0).padStart(8),
      ((100 * candidate) / seconds).toFixed(2).padStart(8),
      residentMiB(server).toFixed(0).padStart(11),
      (await heapMiB(session)).toFixed(1).padStart(9),
    ]
    console.log(columns.join(' '))
  }
}

async function measureViews({ minutes, views, pings }) {
  run('ip', 'link', 'set', 'lo', 'up')
  const processes = new Processes()
  try {
    const start = (...argv) => processes.start([process.execPath, VNET, ...argv])
    const snull = start('snull', '--wire', 'delay 20ms loss 1%')
    const lan = start('lan', ...PORTS)
    const web = start('web', '8080')
    for (const each of [snull, lan]) await each.printed(/^ready$/m, START)
    await web.printed(/http:\S+/, START)
    processes.start(['ping', '-q', '-i', `${1 / pings}`, '198.18.0.2'])
    const browser = await chromium.launch({ executablePath: run('which', 'chromium').trim(), args: ['--no-sandbox'] })
    const page = await browser.newPage({ viewport: SIZE })
    await page.goto(/http:\S+/.exec(web.stdout)[0])
    await page.locator('.devices').waitFor()
    const session = await page.context().newCDPSession(page)
    console.log('view     frames/s  longest ms  server %  server MiB  page MiB')
    for (const view of views) await measure({ page, session, server: web.pid }, view, minutes)
    await browser.close()
  } finally {
    processes.close()
  }
}

await isolated('bench:page', HELP, optionsOf, measureViews)
