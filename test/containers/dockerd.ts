/** dockerd for the tests of a file, in namespaces of its own, with an image of busybox. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Child, type Netns, OwnNetns, outcome } from '#support/netns.ts'
import { lines } from '#support/traffic.ts'
import { makeRoot } from './chain.ts'
import { CGROUP, endEngine, removeCgroup, spawnEngine } from './engine.ts'

/** The address of the bridge, and of the host's side of each container. */
export const BRIDGE = '198.18.0.1'

export class Dockerd {
  readonly #own: OwnNetns
  #directory = ''
  /** The archive of an image's files. */
  #root = ''
  #netns: Netns | undefined
  #child: Child | undefined

  constructor(own = new OwnNetns()) {
    this.#own = own
  }

  /** The namespace of the host's interfaces. */
  get netns(): Netns {
    if (this.#netns === undefined) throw new Error('dockerd has not been started')
    return this.#netns
  }

  get host(): string {
    return `unix://${join(this.#directory, 'docker.sock')}`
  }

  /** Starts dockerd, again after `stop`. */
  async start(): Promise<void> {
    this.#netns ??= this.#own.addQuiet()
    if (this.#directory === '') {
      this.#directory = mkdtempSync(join(tmpdir(), 'vnet-test-docker-'))
      this.#root = await makeRoot(this.#directory)
    }
    const at = (name: string) => join(this.#directory, name)
    const args = [
      '--data-root',
      at('data'),
      '--exec-root',
      at('exec'),
      '--pidfile',
      at('pid'),
      '-H',
      this.host,
    ]
    const network = [
      '--bip',
      `${BRIDGE}/24`,
      '--iptables=false',
      '--ip6tables=false',
      '--ip-masq=false',
    ]
    const own = ['-s', 'vfs', '--live-restore', '--cgroup-parent', CGROUP]
    this.#child = spawnEngine(this.netns, this.#directory, ['dockerd', ...own, ...network, ...args])
    await lines(this.#child).until(/API listen on/)
  }

  /** Ends dockerd. Containers continue to run. */
  async stop(): Promise<void> {
    await endEngine(this.#child)
  }

  /** Makes the image `busybox`, with `labels`. */
  async makeImage(name = 'busybox', labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const changes = Object.entries(labels).flatMap(([label, value]) => [
      '--change',
      `LABEL ${label}="${value}"`,
    ])
    await this.docker('import', ...changes, this.#root, name)
  }

  /** Runs `docker ARGS` and returns what it prints. */
  async docker(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: this.host, DOCKER_CONFIG: this.#directory }
    const { status, stdout, stderr } = await outcome(spawn('docker', args, { stdio: 'pipe', env }))
    if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trimEnd()
  }

  /** Runs a container that does nothing. */
  async run(name: string, ...options: readonly string[]): Promise<DockerContainer> {
    await this.docker('run', '-d', '--name', name, ...options, 'busybox', 'sleep', '1000')
    return this.container(name)
  }

  async container(name: string): Promise<DockerContainer> {
    const [found] = JSON.parse(await this.docker('inspect', name))
    const { IPAddress: address, MacAddress: mac } = found.NetworkSettings
    return { id: found.Id, pid: found.State.Pid, address, mac }
  }

  async removeContainers(): Promise<void> {
    const ids = await this.docker('ps', '-aq')
    if (ids !== '') {
      await this.docker('rm', '-f', ...ids.split('\n'))
    }
  }

  async remove(): Promise<void> {
    await this.stop()
    this.#own.remove()
    rmSync(this.#directory, { recursive: true, force: true })
    removeCgroup()
  }
}

export interface DockerContainer {
  readonly id: string
  readonly pid: number
  readonly address: string
  readonly mac: string
}

/** Returns a dockerd with the image `busybox`, DOCKER_HOST of this process during the file. */
export function freshDockerd(): Dockerd {
  const dockerd = new Dockerd()
  const before = process.env.DOCKER_HOST
  beforeAll(async () => {
    await dockerd.start()
    process.env.DOCKER_HOST = dockerd.host
    await dockerd.makeImage()
  })
  afterEach(() => dockerd.removeContainers())
  afterAll(async () => {
    if (before === undefined) {
      delete process.env.DOCKER_HOST
    } else {
      process.env.DOCKER_HOST = before
    }
    await dockerd.remove()
  })
  return dockerd
}

/** Returns what a container's network stack counted, as `Icmp.InEchos`. */
export function counted({ pid }: DockerContainer, name: string): number {
  const [protocol, counter] = name.split('.') as [string, string]
  const text = readFileSync(`/proc/${pid}/net/snmp`, 'utf8')
  const [names, values] = text
    .split('\n')
    .filter(line => line.startsWith(`${protocol}:`))
    .map(line => line.split(' ')) as [string[], string[]]
  return Number(values[names.indexOf(counter)])
}
