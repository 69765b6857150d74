/** `vnet run` in containers of Docker. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { outcome } from '#support/netns.ts'
import { BRIDGE, Dockerd } from '../../../../test/containers/dockerd.ts'
import { SERVER_ADDRESS } from '../support/internet.ts'
import { COMMAND, makeRunImage, mountsOf, TREE } from '../support/run-image.ts'

const SERVER = fileURLToPath(new URL('../support/stand-in.mjs', import.meta.url))
const directory = fileDirectory()
const dockerd = new Dockerd()
let tun: string

beforeAll(async () => {
  await dockerd.start()
  const image = await makeRunImage(directory)
  tun = `${image.tun}:/dev/net/tun`
  await dockerd.docker('import', image.archive, 'image')
  dockerd.netns.ip('link set lo up', `address add ${SERVER_ADDRESS}/32 dev lo`)
  const { stdout } = dockerd.netns.spawn([process.execPath, SERVER])
  await new Promise(resolve => stdout.once('data', resolve))
})
afterAll(() => dockerd.remove())

function run(...options: readonly string[]) {
  const args = [
    'run',
    '--rm',
    '--dns',
    BRIDGE,
    ...options.map(each => (each === TUN ? tun : each)),
    ...mountsOf(TREE),
  ]
  const env = { ...process.env, DOCKER_HOST: dockerd.host, DOCKER_CONFIG: directory }
  return outcome(spawn('docker', [...args, 'image', ...COMMAND], { stdio: 'pipe', env }))
}

const TUN = 'the device'
const DEVICE = ['--device', TUN]
const CAPABILITIES = ['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN']
const security = (...words: readonly string[]) => words.flatMap(word => ['--security-opt', word])
const UNCONFINED = [...DEVICE, ...security('seccomp=unconfined', 'systempaths=unconfined')]
const BARE = ['--cap-drop', 'ALL', ...security('no-new-privileges')]

test.each([
  [0, UNCONFINED],
  [1000, UNCONFINED],
  [1000, [...UNCONFINED, ...BARE]],
])('user %i reaches the network past a wire with %j', async (user, options) => {
  expect(await run('--user', `${user}`, ...options)).toEqual({
    status: 0,
    stdout: `${user}\n1\n${'::ffff:198.18.0.2\n'.repeat(2)}`,
    stderr: '',
  })
})

describe('one line says what is missing', () => {
  const READ_ONLY = /\/proc\/sys is read-only: docker run --security-opt systempaths=unconfined/
  const SECCOMP =
    /a seccomp filter forbids it, as Docker's does: docker run --security-opt seccomp=unconfined/
  test.each([
    [0, [], /\/dev\/net\/tun: .*; in a container, start it with --device \/dev\/net\/tun/],
    [1000, [], /\/dev\/net\/tun: .*; in a container, start it with --device \/dev\/net\/tun/],
    [0, DEVICE, SECCOMP],
    [1000, DEVICE, SECCOMP],
    [0, [...DEVICE, ...CAPABILITIES], READ_ONLY],
    [
      0,
      [...DEVICE, ...CAPABILITIES, ...security('systempaths=unconfined')],
      /sandbox.*seccomp=unconfined/,
    ],
    [0, [...DEVICE, ...security('seccomp=unconfined')], READ_ONLY],
    [1000, [...DEVICE, ...security('seccomp=unconfined')], READ_ONLY],
    [0, [...UNCONFINED, ...BARE], /CAP_SETFCAP: docker run --cap-add SETFCAP, or --user 1000/],
  ])('to user %i with %j', async (user, options, line) => {
    const { status, stdout, stderr } = await run('--user', `${user}`, ...options)
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(line),
    })
    expect(stderr).toMatch(/^vnet: .*\n$/)
  })
})
