/** The options of docs/ci.md for jobs in containers, with Docker. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { freshDirectory } from '#support/fresh-directory.ts'
import { freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
const directory = freshDirectory()
const page = readFileSync('docs/ci.md', 'utf8')
const [yaml = ''] = /(?<=```yaml\n)jobs:.*?(?=```)/s.exec(page) ?? []
/** The options of the job on GitHub. */
const GITHUB: readonly string[] = parse(yaml).jobs.test.container.options.trim().split(' ')

/** The values of a list in the configuration of GitLab Runner. */
function gitlab(key: string): string[] {
  const [, list = '[]'] = new RegExp(`^ {2}${key} = (\\[.*\\])$`, 'm').exec(page) ?? []
  return JSON.parse(list)
}

const VNET = 'node /vnet/dist/vnet.js'
const COMMANDS = {
  driver: `${VNET} snull --no-address & until ${VNET} list | grep sn0; do :; done; kill $!; wait $!`,
  rootless: `${VNET} rootless -- ip link show lo`,
  lab: `${VNET} lab /job/net.yaml -- ping -c1 server`,
  run: `${VNET} run --wire 'delay 20ms' -- ip addr`,
}

beforeEach(() => {
  const link = '{ ends: [client, server], wire: delay 10ms }'
  writeFileSync(join(directory, 'net.yaml'), `hosts: [client, server]\ncables:\n  link: ${link}\n`)
})

/** Runs a command in a container with the programs of this machine; rejects with its error line. */
function job(command: string, options: readonly string[]): Promise<string> {
  const volumes = [`${process.execPath}:/bin/node`, `${process.cwd()}:/vnet`, `${directory}:/job`]
  const system = ['/usr', '/lib', '/lib64'].map(path => `${path}:${path}`)
  const mounts = [...volumes, ...system].flatMap(volume => ['-v', `${volume}:ro`])
  const places = ['/run', '/tmp', '/var'].flatMap(path => ['--tmpfs', path])
  return dockerd.docker(
    'run',
    '--rm',
    ...places,
    ...mounts,
    ...options,
    'busybox',
    'sh',
    '-c',
    command,
  )
}

test.each(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])(
  'the options for GitHub are enough: %s',
  async name => {
    await job(COMMANDS[name], GITHUB)
  },
)

test('the rights for GitLab Runner are enough for a driver and vnet rootless, and a lab says what it lacks', async () => {
  const options = [
    ...gitlab('devices').map(device => `--device=${device}`),
    ...gitlab('cap_add').map(capability => `--cap-add=${capability}`),
    ...gitlab('security_opt').map(option => `--security-opt=${option}`),
  ]
  expect(options).toHaveLength(5)
  await job(COMMANDS.driver, options)
  await job(COMMANDS.rootless, options)
  await expect(job(COMMANDS.lab, options)).rejects.toThrow(
    'in this container /proc/sys is read-only',
  )
})

test('the API of Docker, which GitLab Runner uses, does not know systempaths=unconfined', async () => {
  const body = {
    Image: 'busybox',
    Cmd: ['sleep', '0'],
    HostConfig: { SecurityOpt: ['systempaths=unconfined'] },
  }
  const headers = { 'content-type': 'application/json' }
  const socketPath = dockerd.host.replace('unix://', '')
  const sent = request({ socketPath, path: '/containers/create', method: 'POST', headers })
  sent.end(JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  expect(await json(response)).toEqual({
    message: 'invalid --security-opt 2: "systempaths=unconfined"',
  })
})
