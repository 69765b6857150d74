/**
 * `npm run bench:site`: the site of `npm run docs` in chromium, which is a host of a lab. It opens
 * the front page and exercise 1 through a slow link with an empty cache, and checks the driver as
 * soon as it can. Then it lets frames flow through the playground, 5 and 200 a second. Prints how
 * long the text, the largest part of the first screen and the first verdict take, the bytes on the
 * link, how many frames a second chromium draws, and the time of scripts in each. Needs root and
 * `apt install chromium`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { createLab } from '../packages/lab/dist/index.js'
import { flag, readOptions, refuse, text, whole } from '../scripts/options.mjs'
import { openTable } from './document.mjs'
import { machine } from './environment.mjs'
import { run } from './processes.mjs'
import { reportJson } from './report.mjs'
import { targetsTable } from './targets.mjs'
import { frameTimes, MARK, TRACED } from './trace.mjs'

const WIRE = 'rate 10mbit delay 20ms'
const SERVER = 'http://server'
const EXERCISE = '01-drop'
const PAGES = { 'the playground': 'playground.html' }
/** Frames a second, and what shows them: dots, or lines from more than ten on. 200 are the most. */
const FLOWS = { 5: '.frame-dot', 200: '.flow:not([hidden])' }
const SIZE = { width: 1280, height: 800 }
const TYPES = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const root = fileURLToPath(new URL('..', import.meta.url))
const PUBLISHED = {
  json: join(root, 'docs/performance.json'),
  targets: join(root, 'docs/records/performance-targets.md'),
}

const HELP = `usage: npm run bench:site -- [--runs N] [--secs S] [--site DIRECTORY] [--publish]

  --runs     visits of each page, and measurements of each playground, 1 to 100 (5)
  --secs     seconds of each measurement of a playground, 1 to 60 (5)
  --site     a built site whose base is /; otherwise it is built first
  --publish  write the figures into docs/performance.json, and the table of
             docs/records/performance-targets.md
`

function readAll() {
  const known = {
    runs: whole(5, 1, 100),
    secs: whole(5, 1, 60),
    site: text,
    publish: flag,
    help: flag,
  }
  const { secs: seconds, ...others } = readOptions(known).values
  const { site } = others
  if (site !== undefined && !existsSync(join(site, 'index.html'))) {
    refuse(`--site ${site}: not a site`)
  }
  return { seconds, ...others }
}

/** Serves the files of a directory, compressed like hosts of static sites. */
function serverOf(directory) {
  const compressed = new Map()
  return createServer((request, response) => {
    const { pathname } = new URL(request.url, SERVER)
    const file = join(directory, pathname === '/' ? 'index.html' : pathname)
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end()
    if (!compressed.has(file)) {
      compressed.set(file, gzipSync(readFileSync(file)))
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    const age = pathname.startsWith('/assets/') ? 31_536_000 : 600
    response.writeHead(200, {
      'content-type': type,
      'content-encoding': 'gzip',
      'cache-control': `max-age=${age}`,
    })
    response.end(compressed.get(file))
  })
}

/** Opens a page as a new visitor. Returns the times of `measure`, and all bytes until then. */
async function visit(browser, link, path, measure, options) {
  const before = await link.stats()
  const context = await browser.newContext({ viewport: SIZE, ...options })
  const page = await context.newPage()
  await page.goto(`${SERVER}/${path}`, { waitUntil: 'commit' })
  const times = await measure(page)
  const after = await link.stats()
  const text = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0].startTime,
  )
  await context.close()
  return { text, ...times, kilobytes: (after.b.sentBytes - before.b.sentBytes) / 1000 }
}

/** Returns when the largest part of the first screen was drawn. */
async function firstScreen(page) {
  await page.waitForLoadState('networkidle')
  const screen = await page.evaluate(
    () =>
      new Promise(resolve => {
        const observer = new PerformanceObserver(list =>
          resolve(list.getEntries().at(-1).startTime),
        )
        observer.observe({ type: 'largest-contentful-paint', buffered: true })
      }),
  )
  return { screen }
}

/** Checks the skeleton of the exercise. */
async function firstVerdict(page) {
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  const verdict = await page.waitForFunction(name => {
    const [status] = document.querySelectorAll('.exercise [role=status]')
    return status?.textContent.startsWith(`${name}: `) && performance.now()
  }, EXERCISE)
  return { verdict: await verdict.jsonValue() }
}

/** Opens a page with a playground, and measures the frames that chromium draws. */
async function watch(browser, path, flow, seconds) {
  const context = await browser.newContext({ viewport: SIZE, serviceWorkers: 'block' })
  const page = await context.newPage()
  await page.addInitScript(flow => {
    const { postMessage } = Worker.prototype
    Worker.prototype.postMessage = function (message, ...rest) {
      const changed = message?.do === 'flow' ? { ...message, perSecond: flow } : message
      return postMessage.call(this, changed, ...rest)
    }
  }, flow)
  await page.goto(`${SERVER}/${path}`, { waitUntil: 'networkidle' })
  // A picture that is scrolled away is not drawn.
  const picture = page.getByLabel(/^The path of frames through/)
  await picture.evaluate(svg => svg.scrollIntoView({ block: 'center', behavior: 'instant' }))
  await page.locator(FLOWS[flow]).first().waitFor({ state: 'attached' })
  await browser.startTracing(page, { categories: TRACED })
  await page.evaluate(
    ({ ms, mark }) =>
      new Promise(resolve => {
        const end = performance.now() + ms
        requestAnimationFrame(function next(now) {
          performance.mark(mark)
          if (now < end) {
            requestAnimationFrame(next)
          } else {
            resolve()
          }
        })
      }),
    { ms: seconds * 1000, mark: MARK },
  )
  const found = frameTimes(JSON.parse(await browser.stopTracing()).traceEvents)
  await context.close()
  return found
}

function built() {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-site-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  const env = { ...process.env, VNET_DOCS_BASE: '/' }
  const stdio = ['ignore', 'ignore', 'inherit']
  execFileSync('npm', ['run', 'docs', '--', '--outDir', directory], { cwd: root, env, stdio })
  return directory
}

/** Measures `runs` times, and prints a line for each. Returns the samples by their names. */
async function repeated(runs, name, measure) {
  const samples = {}
  for (let i = 0; i < runs; i++) {
    const found = await measure()
    for (const [key, value] of Object.entries(found)) {
      samples[key] = [...(samples[key] ?? []), value]
    }
    console.log(
      name.padEnd(32),
      ...Object.entries(found).map(([key, value]) => `${key} ${value.toFixed(1)}`),
    )
  }
  return samples
}

async function measure({ runs, seconds, site = built() }) {
  const lab = await createLab({ world: 'kernel' })
  try {
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server, { wire: WIRE })
    await server.listen(serverOf(site), 80)
    const browser = await chromium.launch({
      executablePath: client.launcher(run('which', 'chromium').trim()),
      // A site has https, without which a browser registers no service worker.
      args: ['--no-sandbox', `--unsafely-treat-insecure-origin-as-secure=${SERVER}`],
    })
    // Its service worker would load other pages, too.
    const alone = { serviceWorkers: 'block' }
    const front = await repeated(runs, 'front page', () =>
      visit(browser, link, '', firstScreen, alone),
    )
    const path = `learn/${EXERCISE}.html`
    const exercise = await repeated(runs, 'exercise', () =>
      visit(browser, link, path, firstVerdict),
    )
    const playgrounds = {}
    for (const [name, path] of Object.entries(PAGES)) {
      for (const flow of Object.keys(FLOWS).map(Number)) {
        const kind = `${name}, ${flow} frames/s`
        playgrounds[kind] = await repeated(runs, kind, () => watch(browser, path, flow, seconds))
      }
    }
    const environment = { ...machine(), chromium: browser.version() }
    const result = { environment, wire: WIRE, front, exercise, playgrounds }
    await browser.close()
    return result
  } finally {
    await lab.close()
  }
}

async function main() {
  const options = readAll()
  if (options.help) return process.stdout.write(HELP)
  const table = options.publish ? openTable(PUBLISHED.targets, 'targets') : undefined
  const site = await measure(options)
  const { load } = site.environment
  console.log(
    `load ${load.map(each => each.toFixed(2)).join(', ')}; text, screen and verdict in ms, script in ms of a frame`,
  )
  if (table === undefined) return
  const report = { ...JSON.parse(readFileSync(PUBLISHED.json, 'utf8')), site }
  writeFileSync(PUBLISHED.json, reportJson(report))
  table.write(targetsTable(report))
}

try {
  await main()
} catch (error) {
  console.error(`bench:site: ${error.message}`)
  process.exitCode = 1
}
