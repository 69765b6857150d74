/**
 * node docs/pictures/page-pictures.mjs [DIRECTORY [VIEW...]]: makes the pictures of the live page
 * in packages/web/docs/page. It starts vnets in network namespaces of its own, lets traffic flow
 * through them for a minute, and takes pictures of the views in a browser. It needs root and `apt
 * install chromium imagemagick iputils-ping udhcpc`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const DESKTOP = { width: 1180, height: 720 }
const TALL = { width: 1180, height: 960 }
const PHONE = { width: 390, height: 844 }
/** Colours of a picture: enough for text and lines. */
const COLOURS = 64
/** The plots show the last minute, with a change of the wire in its middle. */
const HALF_MS = 32_000
const PORT = '8080'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pictures = process.argv[2] ?? join(root, 'packages/web/docs/page')
const directory = mkdtempSync(join(tmpdir(), 'vnet-pictures-'))
const children = []
/** Their names are in the pictures. That of the browser is not. */
const [space, left, right] = [`page-${process.pid}`, 'client', 'server']
/** The namespaces that this script made: it deletes no others. */
const spaces = []

/** The error that it throws has the program's stderr. */
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' })
const vnet = (...args) => [process.execPath, join(root, 'dist/vnet.js'), ...args]

/** Starts a program in a namespace. Resolves with the part of its output that matches. */
async function start(netns, argv, pattern = /^/) {
  const child = spawn('ip', ['netns', 'exec', netns, ...argv], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: directory,
  })
  children.push(child)
  let text = ''
  for (;;) {
    const found = pattern.exec(text)
    if (found !== null) return { child, found: found[1] }
    const [more] = await once(child.stdout, 'data')
    text += more
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill()
  await closed
}

/** The address of the page, once a server of it has been started. */
let address

/** Starts a vnet, which the page shows. Resolves with it and with the address of the page. */
async function startVnet(...args) {
  const { child } = await start(space, vnet(...args, '--json'), /"event":"ready"/)
  address ??= (await start(space, vnet('web', PORT), /(http:\S+)/)).found
  return { child, address }
}

/** Opens a page of the given size and colours, and shows a view. */
async function open(browser, address, view, options) {
  const page = await browser.newPage({ viewport: DESKTOP, ...options })
  await page.goto(`${address}#${view}`)
  await page.locator('header [data-state=live]').waitFor()
  return page
}

/** The directory of this clone means nothing to a reader. */
function hideDirectory([from, to]) {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    walker.currentNode.data = walker.currentNode.data.replace(from, to)
  }
}

async function take(page, name) {
  await page.evaluate(hideDirectory, [root, '/usr/lib/node_modules/vnet/'])
  const png = await page.screenshot()
  const small = [
    'png:-',
    '+dither',
    '-colors',
    `${COLOURS}`,
    '-strip',
    '-define',
    'png:compression-level=9',
  ]
  execFileSync('convert', [...small, `PNG8:${join(pictures, `${name}.png`)}`], { input: png })
  console.log(`${name}.png`)
}

/** The pair of a driver with a board, and traffic that a wire delays and loses. */
async function pictureDriver(browser) {
  const { child, address } = await startVnet(
    'snull',
    '--use-napi',
    '--wire',
    'delay 8ms 2ms loss 0.5%',
  )
  const pings = [
    await start(space, ['ping', '-q', '-i', '0.01', '-s', '400', '198.18.0.2']),
    await start(space, ['ping', '-q', '-i', '0.03', '-s', '1200', '198.18.1.1']),
  ]
  const driver = await open(browser, address, 'driver', { colorScheme: 'light' })
  const phone = await open(browser, address, 'driver', {
    colorScheme: 'dark',
    viewport: PHONE,
    isMobile: true,
  })
  const traffic = await open(browser, address, 'traffic', { colorScheme: 'dark', viewport: TALL })
  const frames = await open(browser, address, 'frames', { colorScheme: 'light' })
  await setTimeout(HALF_MS)
  run('ip', 'netns', 'exec', space, ...vnet('wire', 'sn0', 'delay 20ms 2ms loss 5%'))
  await setTimeout(HALF_MS)
  await take(phone, 'phone')
  await take(traffic, 'traffic')
  await frames.getByRole('row').filter({ hasText: 'echo reply' }).last().click()
  await take(frames, 'frames')
  // Few frames are dots. The picture shows one that falls.
  for (const { child } of pings) {
    await stop(child)
  }
  run('ip', 'netns', 'exec', space, ...vnet('wire', 'sn0', 'loss 25% | delay 900ms'))
  const slow = await start(space, ['ping', '-q', '-i', '0.4', '198.18.0.2'])
  await driver.locator('.frame-dot .reason').first().waitFor({ timeout: 60_000 })
  await take(driver, 'driver')
  await stop(slow.child)
  for (const page of [driver, phone, traffic, frames]) {
    await page.close()
  }
  await stop(child)
}

/** Takes the picture of a cable with a scenario. */
async function pictureControls(browser) {
  const steps = [
    'repeat: 1min',
    'steps:',
    '  - at: 0s',
    '    wire: preset lte',
    '  - at: 20s',
    '    wire: preset 3g',
    '  - at: 40s',
    '    carrier: off',
    '  - at: 43s',
    '    carrier: on',
    '',
  ]
  writeFileSync(join(directory, 'commute.yaml'), steps.join('\n'))
  const { child, address } = await startVnet(
    'cable',
    `${left}/ca`,
    `${right}/cb`,
    '--scenario',
    'commute.yaml',
  )
  const page = await open(browser, address, 'hands-on', { colorScheme: 'light', viewport: TALL })
  const words = page.getByLabel('Text of the wire')
  await words.fill('delay 20ms losss 1%')
  await page.locator('form.control [role=alert] pre').waitFor()
  await take(page, 'hands-on')
  await page.close()
  await stop(child)
}

/** Takes the picture of a segment with a port that requests an address. */
async function pictureLan(browser) {
  const ports = [`${left}/lan0`, `${right}/lan1`]
  const { child, address } = await startVnet(
    'lan',
    ...ports,
    '--hosts',
    '40',
    '--address',
    `${left}/lan0=198.18.0.60/24`,
  )
  const page = await open(browser, address, 'lan', { colorScheme: 'dark', viewport: TALL })
  await page.getByRole('link', { name: `${right}/lan1` }).click()
  await page.getByRole('heading', { name: `${right}/lan1`, level: 1 }).waitFor()
  await page.getByText('gateway').filter({ visible: true }).first().waitFor()
  run('ip', 'netns', 'exec', left, 'ping', '-q', '-c', '3', '-i', '0.2', '198.18.0.4')
  const asking = [
    'udhcpc',
    '-f',
    '-q',
    '-n',
    '-i',
    'lan1',
    '-x',
    'hostname:laptop',
    '-s',
    '/bin/true',
  ]
  run('ip', 'netns', 'exec', right, ...asking)
  await page.getByText('ACK').first().waitFor()
  await page.getByRole('button', { name: /leases 1/ }).click()
  await take(page, 'lan')
  await page.close()
  await stop(child)
}

/** A ping that halts before the driver takes it. */
async function pictureStep(browser) {
  const { child, address } = await startVnet('snull')
  const page = await open(browser, address, 'step', { colorScheme: 'light' })
  await page.getByRole('button', { name: 'Halt frames' }).click()
  await page.locator('.step-state').getByText('No frame waits').waitFor()
  await start(space, ['ping', '-q', '-c', '1', '-W', '20', '198.18.0.2'])
  for (const before of ['ndoStartXmit', 'interrupt']) {
    await page.getByRole('button', { name: 'Next step' }).click()
    await page.locator('.step-state').getByText(before).waitFor()
  }
  await page.setViewportSize(TALL)
  await take(page, 'step')
  await page.close()
  await stop(child)
}

try {
  mkdirSync(pictures, { recursive: true })
  for (const name of [space, left, right]) {
    run('ip', 'netns', 'add', name)
    spaces.push(name)
    run('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  }
  run('ip', '-n', space, 'link', 'set', 'lo', 'up')
  const executablePath = join(directory, 'chromium')
  writeFileSync(executablePath, `#!/bin/sh\nexec ip netns exec ${space} chromium "$@"\n`, {
    mode: 0o700,
  })
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const views = {
    driver: pictureDriver,
    controls: pictureControls,
    lan: pictureLan,
    step: pictureStep,
  }
  const wanted = process.argv.slice(3)
  for (const [name, make] of Object.entries(views)) {
    if (wanted.length === 0 || wanted.includes(name)) {
      await make(browser)
    }
  }
  await browser.close()
} finally {
  for (const child of children) {
    await stop(child)
  }
  for (const name of spaces) {
    run('ip', 'netns', 'del', name)
  }
  rmSync(directory, { recursive: true })
}
