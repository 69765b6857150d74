/**
 * node docs/pictures/wireshark-picture.mjs [FILE]: makes docs/capture.png. It pings through a cable
 * that loses packets, captures that with vnet, opens the file in Wireshark on a virtual display,
 * with a dropped packet selected, and takes a picture of the window. It needs root and `apt install
 * wireshark tshark xvfb xdotool imagemagick`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const [WIDTH, HEIGHT] = [1180, 620]
/** Colours of the picture: enough for text. */
const COLOURS = 48
const LIMIT_MS = 30_000
const DRAWN_MS = 2000

const root = fileURLToPath(new URL('../..', import.meta.url))
const picture = process.argv[2] ?? join(root, 'docs', 'capture.png')
const directory = mkdtempSync(join(tmpdir(), 'vnet-picture-'))
const capture = join(directory, 'bad-cable.pcapng')
const netns = ['left', 'right'].map(name => `${name}-${process.pid}`)

const run = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** Starts a program and waits for a line of its output that matches. Returns both. */
async function start(pattern, command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const line = await new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', more => {
      text += more
      const found = pattern.exec(text)
      if (found !== null) {
        resolve(found[0])
      }
    })
    child.on('error', reject).on('close', () => reject(new Error(`${command} ended: ${text}`)))
  })
  return { child, line }
}

async function stop(child) {
  const closed = once(child, 'close')
  child.kill()
  await closed
}

/** Captures ten pings with some packet loss. */
async function capturePings() {
  const ends = [`${netns[0]}/ca`, `${netns[1]}/cb`]
  const options = ['--wire', 'loss 5%', '--seed', '3', '--no-offload', '--capture', capture]
  const addresses = ['ca=198.18.0.1/24', 'cb=198.18.0.2/24'].flatMap(address => [
    '--address',
    address,
  ])
  const { child } = await start(/^ready$/m, process.execPath, [
    join(root, 'dist/vnet.js'),
    'cable',
    ...ends,
    ...options,
    ...addresses,
  ])
  try {
    run(
      'ip',
      'netns',
      'exec',
      netns[0],
      'ping',
      '-q',
      '-c',
      '40',
      '-i',
      '0.02',
      '-W',
      '0.2',
      '198.18.0.2',
    )
  } catch {
    // Some are lost.
  }
  await stop(child)
}

/** The settings of Wireshark: columns for what vnet records, drops in red, and no dialogs. */
function settings(home) {
  const profile = join(home, '.config', 'wireshark')
  mkdirSync(profile, { recursive: true })
  const columns = [
    ['No.', '%m'],
    ['Time', '%t'],
    ['Interface', '%Cus:frame.interface_name:0:R'],
    ['Packet id', '%Cus:frame.packet_id:0:R'],
    ['Source', '%s'],
    ['Info', '%i'],
    ['Comment', '%Cus:frame.comment:0:R'],
  ]
  writeFileSync(
    join(profile, 'preferences'),
    [
      `gui.column.format: ${columns
        .flat()
        .map(text => `"${text}"`)
        .join(', ')}`,
      'gui.update.enabled: FALSE',
      'gui.qt.font_name: DejaVu Sans Mono,9,-1,5,50,0,0,0,0,0',
      '',
    ].join('\n'),
  )
  writeFileSync(
    join(profile, 'colorfilters'),
    '@Dropped@frame.verdict@[64507,51143,51143][30583,0,0]\n',
  )
  const widths = [50, 92, 68, 114, 88, 300, 414]
  writeFileSync(
    join(profile, 'recent'),
    [
      'gui.toolbar_main_show: FALSE',
      'gui.byte_view_show: FALSE',
      'gui.geometry_main_x: 0',
      'gui.geometry_main_y: 0',
      `gui.geometry_main_width: ${WIDTH}`,
      `gui.geometry_main_height: ${HEIGHT}`,
      'gui.geometry_main_maximized: FALSE',
      `column.width: ${columns.map(([, format], i) => `${format}, ${widths[i]}`).join(', ')}`,
      '',
    ].join('\n'),
  )
  writeFileSync(join(profile, 'recent_common'), 'privs.warn_if_elevated: FALSE\n')
}

/** Takes a picture of Wireshark with the first dropped packet selected. */
async function takePicture() {
  const dropped = run(
    'tshark',
    '-r',
    capture,
    '-Y',
    'frame.verdict && icmp',
    '-T',
    'fields',
    '-e',
    'frame.number',
  )
  const [frame] = dropped.split('\n')
  settings(directory)
  const screen = ['-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp']
  const { child: display, line } = await start(/^\d+\n/, 'Xvfb', ['-displayfd', '1', ...screen])
  const env = {
    ...process.env,
    HOME: directory,
    DISPLAY: `:${line.trim()}`,
    QT_STYLE_OVERRIDE: 'Fusion',
  }
  const options = { env, encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'ignore'] }
  const wireshark = spawn('wireshark', ['-r', capture, '-g', frame], { env, stdio: 'ignore' })
  try {
    const [window] = execFileSync(
      'xdotool',
      ['search', '--sync', '--onlyvisible', '--name', 'bad-cable'],
      options,
    ).split('\n')
    execFileSync(
      'xdotool',
      ['windowmove', window, '0', '0', 'windowsize', '--sync', window, WIDTH, HEIGHT],
      options,
    )
    // Nothing reports that Wireshark has drawn its window.
    await setTimeout(DRAWN_MS)
    execFileSync('xdotool', ['windowfocus', window, 'key', 'ctrl+Right'], options)
    await setTimeout(DRAWN_MS)
    const small = [
      '+dither',
      '-colors',
      `${COLOURS}`,
      '-strip',
      '-define',
      'png:compression-level=9',
    ]
    execFileSync('import', ['-window', 'root', ...small, `PNG8:${picture}`], options)
  } finally {
    await stop(wireshark)
    await stop(display)
  }
}

try {
  for (const name of netns) {
    run('ip', 'netns', 'add', name)
    run('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  }
  await capturePings()
  await takePicture()
} finally {
  for (const name of netns) {
    run('ip', 'netns', 'del', name)
  }
  rmSync(directory, { recursive: true })
}
