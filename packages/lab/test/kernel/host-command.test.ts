/** `vnet host`: what it serves, and how it ends. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { OwnNetns } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { runningHost } from '../support/host-command.ts'

const own = new OwnNetns()
afterEach(() => own.remove())

test.each(['SIGINT', 'SIGTERM'] as const)(
  'serves echo, discard and chargen until %s, and leaves no interface',
  async signal => {
    const { netns, vnet, sh } = await runningHost(
      own,
      'vnet3',
      '--address',
      '198.18.7.9/24',
      '--wire',
      'delay 1ms',
    )
    expect(await vnet.line(/ready/)).toBe('ready: vnet3 198.18.7.9, TCP ports 7 9 19')
    const echo = 'exec 3<>/dev/tcp/198.18.7.9/7; printf hello >&3; head -c 5 <&3'
    expect(await sh(`bash -c '${echo}'`)).toBe('hello')
    const lines = (await sh('curl -sS --http0.9 --max-time 20 198.18.7.9:19 | head -2')).split(
      /\r?\n/,
    )
    expect(lines[0]).toMatch(/^ !"#.{68}$/)
    expect(lines[1]).toMatch(/^!"#\$.{68}$/)
    expect(await vnet.stop(signal)).toMatchObject({ status: 0, stderr: '' })
    expect(netns.ip('-o link')).not.toContain('vnet3')
  },
  60_000,
)

test('serves the files of a directory, and nothing outside of it', async () => {
  const [inside, outside] = [testDirectory(), testDirectory()]
  writeFileSync(join(outside, 'secret'), 'secret')
  mkdirSync(join(inside, 'sub'))
  writeFileSync(join(inside, 'sub', 'index.html'), '<p>index')
  writeFileSync(join(inside, 'a b'), 'spaced')
  writeFileSync(join(inside, 'empty'), '')
  symlinkSync(join(outside, 'secret'), join(inside, 'link'))
  symlinkSync(outside, join(inside, 'sub', 'out'))
  symlinkSync('a b', join(inside, 'inner'))
  linkSync(join(inside, 'a b'), join(inside, 'hard'))
  const { sh } = await runningHost(own, '--serve', inside)
  const get = (path: string, ...options: readonly string[]) =>
    sh(`curl -sS --path-as-is -w ' %{http_code}' ${options.join(' ')} 'http://198.18.1.2${path}'`)
  const up = '..%2f'.repeat(8)
  const paths = [
    '/a%20b',
    '/inner',
    '/hard',
    '/empty',
    '/sub/',
    '/sub',
    '/link',
    '/sub/out/secret',
    '/none',
  ]
  expect(await Promise.all(paths.map(path => get(path)))).toEqual([
    'spaced 200',
    'spaced 200',
    'spaced 200',
    ' 200',
    '<p>index 200',
    ' 404',
    ' 404',
    ' 404',
    ' 404',
  ])
  // Never above the directory, also before a file is opened.
  expect(await get('/..%2f..%2finner')).toBe('spaced 200')
  const hostile = [
    '/../../../etc/passwd',
    `/${up}etc/passwd`,
    `/sub/${up}${outside.slice(1)}/secret`,
    '/%2e%2e/secret',
  ]
  expect(await Promise.all(hostile.map(path => get(path)))).toEqual(hostile.map(() => ' 404'))
  expect(await Promise.all(['/%00', '/%zz'].map(path => get(path)))).toEqual([' 400', ' 400'])
  expect(await get('/a%20b', '-I')).toMatch(/content-length: 6/i)
  expect(await get('/a%20b', '-d x')).toBe(' 405')
}, 60_000)

test('misbehaves by its text', async () => {
  const { sh } = await runningHost(own, '--misbehave', 'icmp port-unreachable')
  expect(await sh('curl -sS http://198.18.1.2:9/')).toMatch(/^curl: \(7\)/)
}, 60_000)

test('ends with a failure when its interface is deleted', async () => {
  const { netns, vnet } = await runningHost(own)
  netns.ip('link del host0')
  expect(await vnet.ended).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('vnet: host0 was deleted, exiting\n'),
  })
}, 60_000)

test('refuses wrong options as wrong usage', async () => {
  const { name } = own.add()
  const wrong = async (...args: readonly string[]) => {
    const { status, stderr } = await runMain('host', '--netns', name, ...args)
    return `${status} ${stderr}`
  }
  expect(await wrong('--serve', '/nowhere')).toMatch(/^2 vnet: \/nowhere is not a directory/)
  expect(await wrong('--address', '198.18.1.2')).toMatch(
    /^2 vnet: address 198\.18\.1\.2: write it with/,
  )
  expect(await wrong('--misbehave', 'widow 0')).toMatch(
    /^2 vnet: 'widow' is not a word of misbehave.*\n.* widow 0\n/,
  )
  expect(await wrong('--wire', 'dealy 1ms')).toContain("'dealy' is not a word of a wire")
})
