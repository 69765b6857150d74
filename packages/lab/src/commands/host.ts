/** `vnet host`: a host in TypeScript on a TAP (packages/lab/docs/tap-host.md). */
import net, { type Socket } from 'node:net'
import { Readable } from 'node:stream'
import {
  complain,
  EXIT_FAILURE,
  EXIT_OK,
  endOf,
  enterCommand,
  type Io,
  type WithUndefined,
  withoutUndefined,
} from 'vnet/kit/cli'
import { dropPrivileges, loadNative } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { type TapHostOptions, tapHost } from '../network/create-tap-host.ts'
import type { LabHost } from '../network/host.ts'
import { enterForLab } from '../run/enter-for-lab.ts'
import { fileServer } from './serve-files.ts'

export interface HostCommandOptions
  extends WithUndefined<Omit<TapHostOptions, 'interface' | 'addresses'>> {
  /** With prefixes. */
  readonly address: readonly string[] | undefined
  /** The directory of the files. */
  readonly serve: string | undefined
  readonly misbehave: string | undefined
}

/** Runs until a signal, or until the interface is deleted. Returns the exit status. */
export async function host(
  name: string | undefined,
  { address, serve, misbehave, ...options }: HostCommandOptions,
  io: Io,
): Promise<number> {
  const files = serve === undefined ? undefined : fileServer(serve)
  const native = loadNative()
  if (io.own && options.netns === undefined) {
    await enterForLab(native)
  }
  using end = endOf(io)
  await using made = await tapHost({
    ...withoutUndefined(options),
    ...(name && { interface: name }),
    ...(address && { addresses: address }),
  })
  if (misbehave !== undefined) {
    await made.misbehave(misbehave)
  }
  const ports = files === undefined ? await serveSmall(made) : [await made.listen(files, 80)]
  if (io.own) {
    dropPrivileges(native, [
      uapi.CAP_NET_ADMIN,
      ...(options.netns === undefined ? [] : [uapi.CAP_SYS_ADMIN]),
    ])
  }
  const enter = io.own ? enterCommand() : undefined
  const where = enter === undefined ? '' : `; enter by: ${enter}`
  io.out(`ready: ${made.name} ${made.addresses.join(' ')}, TCP ports ${ports.join(' ')}${where}\n`)
  const isGone = await Promise.race([end.asked.then(() => false), made.gone.then(() => true)])
  if (isGone) {
    complain(io, `${made.name} was deleted, exiting`)
  }
  return isGone ? EXIT_FAILURE : EXIT_OK
}

/** Milliseconds of silence that end a connection of a small service. */
const SILENCE_MS = 60_000

/** The small services of RFC 862, 863 and 864, by their ports. */
const SMALL = new Map<number, (socket: Socket) => unknown>([
  [7, socket => socket.pipe(socket)],
  [9, socket => socket.resume()],
  [19, socket => Readable.from(generated()).pipe(socket.resume())],
])

function serveSmall(labHost: LabHost): Promise<number[]> {
  const listening = [...SMALL].map(([port, serve]) => {
    const server = net.createServer({ allowHalfOpen: port === 7 }, socket => {
      const end = () => socket.destroy()
      socket.on('error', end).setTimeout(SILENCE_MS, end)
      serve(socket)
    })
    return labHost.listen(server, port)
  })
  return Promise.all(listening)
}

/** Printable characters, in lines of 72 that each start with the next one (RFC 864). */
function* generated(): Generator<Buffer> {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('')
  const lines = Array.from(printable, (_, i) => `${(printable + printable).slice(i, i + 72)}\r\n`)
  const all = Buffer.from(lines.join(''))
  for (;;) {
    yield all
  }
}
