/** `vnet node`: the daemon with many attachments. */
import { statSync } from 'node:fs'
import { Attachments } from '../../agent/attachments.ts'
import { agentFile, agentSocket } from '../../agent/client.ts'
import { noteUnserved } from '../../agent/cni.ts'
import { followDocker } from '../../agent/docker.ts'
import { openMark } from '../../agent/mark.ts'
import { serveRequests } from '../../agent/requests.ts'
import { engineSockets } from '../../attach/engine.ts'
import { Log, random, Turns, UsageError } from '../../base/index.ts'
import { serveControl } from '../../control/server/server.ts'
import { TimerfdClock } from '../../linux/clock.ts'
import { loadNative } from '../../linux/native.ts'
import { LinuxPlatform } from '../../linux/platform.ts'
import { dropPrivileges } from '../../linux/privileges.ts'
import {
  CAP_BPF,
  CAP_NET_ADMIN,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  CLONE_FILES,
} from '../../linux/uapi.ts'
import { Net } from '../../netdev/net.ts'
import { EXIT_OK, endOf, type Io, logLevel, logLine } from '../process/io.ts'

/**
 * Kept after `ready`, because new attachments take BPF programs, and TAPs in namespaces that are
 * entered. CAP_SYS_PTRACE opens /proc/PID/ns/net of other users' processes.
 */
const KEPT = [CAP_NET_ADMIN, CAP_BPF, CAP_SYS_ADMIN, CAP_SYS_PTRACE]

interface NodeOptions {
  readonly docker: boolean | undefined
  readonly imageLabels: boolean | undefined
  readonly files: string | undefined
  readonly group: number | undefined
  readonly json: boolean | undefined
  readonly verbose: number | undefined
  readonly quiet: boolean | undefined
}

/** Serves until the user ends it. The attachments are back when it runs again. */
export async function node(options: NodeOptions, io: Io): Promise<number> {
  checkOptions(options)
  const { files, group, json = false, quiet, verbose = 0 } = options
  const sockets = options.docker ? engineSockets() : []
  const { onClosed: _, ...lasting } = io
  // A full disk, or a reader of the output that leaves, ends no attachment.
  using end = endOf(lasting)
  io.writeLater?.()
  const native = loadNative()
  await io.watchLockups?.('node')
  const deputy = await io.deputy?.()
  // As in run.ts: a separate descriptor table makes each frame cheaper.
  if (io.sole) {
    native.unshare(CLONE_FILES)
    native.shortenSlice()
  }
  const log = new Log(logLevel({ quiet, verbose }), (level, text) =>
    io[json ? 'out' : 'err'](logLine(json, level, text)),
  )
  await using clock = new TimerfdClock(native)
  await using platform = new LinuxPlatform(
    native,
    text => log.warn(`vnet: ${text}`),
    new Turns(clock),
  )
  const net = new Net({ platform, clock, log, random: random(Math.floor(Math.random() * 2 ** 32)) })
  const path = agentSocket()
  const unserved = agentFile('.unserved', path)
  const events = await podEvents(log)
  await using attachments = new Attachments(native, net, {
    state: agentFile('.state', path),
    files,
    onMistake: ({ pod, why }) => pod && void events?.send(pod, why),
  })
  await using _control = serveControl(native, net, {
    netnsOf: dev => attachments.placeOf(dev)?.netns,
    namespaceOf: dev => attachments.placeOf(dev)?.place,
    ownerOf: dev => attachments.ownerOf(dev),
    mistakes() {
      noteUnserved(attachments, unserved)
      return attachments.mistakes.list()
    },
    changed: (dev, change) => attachments.changed(dev, change),
    module: { name: 'attach', attaches: true, params: {}, values: {} },
    deputy,
  })
  // First, because a daemon that listens has these attachments.
  using requests = await serveRequests(native, attachments, { path, group })
  using mark = openMark(native, agentFile('.mark', path), net)
  await attachments.inTurn(() => attachments.restore(mark))
  noteUnserved(attachments, unserved)
  requests.start()
  if (io.own) {
    dropPrivileges(native, KEPT)
  }
  io.out(
    json ? `${JSON.stringify({ event: 'ready', socket: path })}\n` : `requests: ${path}\nready\n`,
  )
  const ended = new AbortController()
  const { signal } = ended
  const imageLabels = options.imageLabels === true
  const following =
    sockets.length > 0 && followDocker(attachments, { sockets, imageLabels, signal })
  await end.asked.finally(() => ended.abort())
  await following
  return EXIT_OK
}

function checkOptions({ docker, imageLabels, files }: NodeOptions): void {
  if (imageLabels && !docker) throw new UsageError('--image-labels is for --docker')
  if (files !== undefined && !statSync(files, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--files ${files}: it is not a directory`)
  }
}

/** Returns what sends Events of pods; undefined outside of a cluster, or without its account. */
async function podEvents(log: Log) {
  if (process.env.KUBERNETES_SERVICE_HOST === undefined) return undefined
  const { clusterOf, PodEvents } = await import('../../agent/pod-events.ts')
  const cluster = clusterOf(process.env)
  return cluster && new PodEvents(cluster, log)
}
