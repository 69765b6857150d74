/** containerd for the tests of a file, with its CNI chain: a bridge, and then vnet's plugin. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as http2, type IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Child, type Netns, type Outcome, OwnNetns, outcome } from '#support/netns.ts'
import { lines } from '#support/traffic.ts'
import { copyPlugins, makeRoot, writeChain } from './chain.ts'
import { CGROUP, endEngine, removeCgroup, spawnEngine } from './engine.ts'

const PAUSE = 'docker.io/local/pause:1'

export class Containerd {
  readonly #own = new OwnNetns()
  #directory = ''
  #netns: Netns | undefined
  #child: Child | undefined
  readonly #pods = new Set<string>()
  /** The containers of ctr, by name. */
  readonly #containers = new Map<string, Promise<Outcome>>()

  /** The namespace of the host's interfaces. */
  get netns(): Netns {
    if (this.#netns === undefined) throw new Error('containerd has not been started')
    return this.#netns
  }

  get #socket(): string {
    return this.#at('containerd.sock')
  }

  /** How a command is started where containerd runs: it has the namespaces of pods. */
  get within(): readonly string[] {
    return ['nsenter', '-t', `${this.#child?.pid}`, '-m', '-n']
  }

  #at(name: string): string {
    return join(this.#directory, name)
  }

  async start(): Promise<void> {
    this.#netns = this.#own.addQuiet()
    this.#directory = mkdtempSync(join(tmpdir(), 'vnet-test-containerd-'))
    copyPlugins(this.#directory)
    this.configure({})
    writeFileSync(this.#at('config.toml'), this.#config())
    this.#child = spawnEngine(this.netns, this.#directory, [
      'containerd',
      '-c',
      this.#at('config.toml'),
    ])
    await lines(this.#child).until(/containerd successfully booted/)
    await this.#makePause()
  }

  /** Writes the chain, with `own` in the configuration of vnet's plugin. */
  configure(own: object, cniVersion?: string): void {
    writeChain(this.#directory, own, cniVersion)
  }

  #config(): string {
    // runc lowers oom_score_adj of a pod, which takes CAP_SYS_RESOURCE, unless it is restricted.
    return `
      version = 2
      root = "${this.#at('data')}"
      state = "${this.#at('state')}"
      [grpc]
        address = "${this.#socket}"
      [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "${PAUSE}"
        disable_apparmor = true
        restrict_oom_score_adj = true
        containerd = { snapshotter = "native" }`
  }

  /** Imports the image of a pod's first container, which sleeps. */
  async #makePause(): Promise<void> {
    const layer = await makeRoot(this.#directory)
    const diff = createHash('sha256').update(readFileSync(layer)).digest('hex')
    const rootfs = { type: 'layers', diff_ids: [`sha256:${diff}`] }
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      rootfs,
    }
    const image = { ...config, config: { Entrypoint: ['/bin/sleep', '1000'] } }
    writeFileSync(this.#at('config.json'), JSON.stringify(image))
    const manifest = [{ Config: 'config.json', RepoTags: [PAUSE], Layers: ['root.tar'] }]
    writeFileSync(this.#at('manifest.json'), JSON.stringify(manifest))
    const files = ['manifest.json', 'config.json', 'root.tar']
    await outcome(
      spawn('tar', ['-C', this.#directory, '-cf', this.#at('pause.tar'), ...files], {
        stdio: 'pipe',
      }),
    )
    const { status, stderr } = await this.#ctr(
      'k8s.io',
      'image',
      'import',
      '--snapshotter',
      'native',
      this.#at('pause.tar'),
    )
    if (status !== 0) throw new Error(stderr)
  }

  #spawnCtr(namespace: string, ...args: readonly string[]): Child {
    const [nsenter, ...within] = this.within as [string, ...string[]]
    return spawn(nsenter, [...within, 'ctr', '-a', this.#socket, '-n', namespace, ...args], {
      stdio: 'pipe',
    })
  }

  #ctr(namespace: string, ...args: readonly string[]): Promise<Outcome> {
    return outcome(this.#spawnCtr(namespace, ...args))
  }

  /** Runs `ctr run --cni` with a container that sleeps, until it is killed. */
  run(name: string): Promise<Outcome> {
    const args = [
      'run',
      '--rm',
      '--snapshotter',
      'native',
      '--cni',
      '--rootfs',
      this.#at('root'),
      name,
    ]
    const ended = this.#ctr(CGROUP, ...args, '/bin/sleep', '1000')
    this.#containers.set(name, ended)
    return ended
  }

  /** Kills a container of `run`, which ends then. */
  async kill(name: string): Promise<Outcome | undefined> {
    await this.#ctr(CGROUP, 'task', 'kill', '-s', 'KILL', name)
    return this.#containers.get(name)
  }

  /** Runs a pod by CRI like a kubelet, and returns its id. */
  async runPod(name: string, annotations: Readonly<Record<string, string>> = {}): Promise<string> {
    const metadata = Buffer.concat([field(1, name), field(2, `uid-${name}`), field(3, 'web')])
    const linux = field(8, field(1, `/${CGROUP}`))
    const entries = Object.entries(annotations).map(([key, value]) =>
      field(7, Buffer.concat([field(1, key), field(2, value)])),
    )
    const config = Buffer.concat([field(1, metadata), ...entries, linux])
    const reply = await this.#call('RunPodSandbox', field(1, config))
    // One field; its number and length take a byte each.
    const id = reply.subarray(2).toString()
    this.#pods.add(id)
    return id
  }

  async stopPod(id: string): Promise<void> {
    await this.#call('StopPodSandbox', field(1, id))
    await this.#call('RemovePodSandbox', field(1, id))
    this.#pods.delete(id)
  }

  /** Returns the id that ctr gives to a container in calls of plugins. */
  idOf(name: string): string {
    return `${CGROUP}-${name}`
  }

  /** Returns the address that host-local gave to a container. */
  address(id: string): string {
    const directory = this.#at('ipam/pods')
    const found = readdirSync(directory).find(
      name => /^[\d.]+$/.test(name) && readFileSync(join(directory, name), 'utf8').startsWith(id),
    )
    if (found === undefined) throw new Error(`${id} has no address`)
    return found
  }

  /** Returns what remains of pods and of daemons that have ended: nothing is empty lists. */
  remains(): {
    interfaces: string[]
    namespaces: string[]
    addresses: string[]
    files: string[]
    state: unknown
  } {
    const links = JSON.parse(this.netns.ip('-j link')) as { ifname: string }[]
    const listed = (name: string) => readdirSync(this.#at(name))
    return {
      interfaces: links.map(({ ifname }) => ifname).filter(name => !['lo', 'cni0'].includes(name)),
      namespaces: listed('run/netns'),
      addresses: listed('ipam/pods').filter(name => /^[\d.]+$/.test(name)),
      files: listed('run/vnet').filter(name => !/^node\.(state|mark)$/.test(name)),
      state: JSON.parse(readFileSync(this.#at('run/vnet/node.state'), 'utf8')),
    }
  }

  /** Calls a method of `runtime.v1.RuntimeService` by gRPC. */
  async #call(method: string, message: Buffer): Promise<Buffer> {
    const session = http2('http://localhost', { createConnection: () => connect(this.#socket) })
    try {
      return await callGrpc(session, `/runtime.v1.RuntimeService/${method}`, message)
    } finally {
      session.destroy()
    }
  }

  /** Removes pods, containers and everything that the daemon kept for them. */
  async removeContainers(): Promise<void> {
    for (const id of [...this.#pods]) {
      await this.stopPod(id)
    }
    for (const name of this.#containers.keys()) {
      await this.kill(name)
      // ctr leaves what a plugin has refused.
      await this.#ctr(CGROUP, 'task', 'rm', '-f', name)
      await this.#ctr(CGROUP, 'container', 'rm', name)
    }
    this.#containers.clear()
    rmSync(this.#at('run/vnet'), { recursive: true, force: true })
  }

  async remove(): Promise<void> {
    await endEngine(this.#child)
    this.#own.remove()
    rmSync(this.#directory, { recursive: true, force: true })
    removeCgroup()
  }
}

/** Returns a field of a protobuf message: a text or a message of less than 16 KiB. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7]
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes])
}

function callGrpc(session: ClientHttp2Session, path: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    const headers = {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    }
    const stream = session.request(headers)
    const parts: Buffer[] = []
    let status: IncomingHttpHeaders = {}
    const take = (more: IncomingHttpHeaders) => {
      status = { ...status, ...more }
    }
    stream.on('response', take).on('trailers', take)
    stream.on('data', part => parts.push(part)).on('error', reject)
    stream.on('close', () => {
      // A byte for compression and four for the length come first.
      if (status['grpc-status'] === '0') {
        resolve(Buffer.concat(parts).subarray(5))
      } else {
        reject(new Error(`${path}: ${decodeURIComponent(String(status['grpc-message']))}`))
      }
    })
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([prefix, message]))
  })
}

/** Returns a containerd that runs during the file. */
export function freshContainerd(): Containerd {
  const containerd = new Containerd()
  beforeAll(() => containerd.start())
  afterEach(() => containerd.removeContainers())
  afterAll(() => containerd.remove())
  return containerd
}
