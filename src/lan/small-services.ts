/** The small services over TCP: echo, discard, daytime, chargen (RFC 862, 863, 867, 864). */
import { Readable } from 'node:stream'
import type { SmallService } from '../segment/host.ts'
import { CHARGEN_PERIOD, chargenCharacter, daytimeText } from '../segment/udp-services.ts'
import type { TcpHandler } from './host.ts'

const PATTERN = Buffer.from(Array.from({ length: CHARGEN_PERIOD }, (_, i) => chargenCharacter(i)))

export const SMALL_SERVICES: Readonly<Record<SmallService, TcpHandler>> = {
  echo: socket => socket.pipe(socket),
  discard: socket => socket.resume().on('end', () => socket.end()),
  daytime: socket => socket.resume().end(daytimeText(Date.now())),
  // Until the client takes no more: that it says nothing more is no end.
  chargen: socket => Readable.from(pattern()).pipe(socket.resume()),
}

/** What serves a port of which a host's definition says `does`; undefined when that is nothing that could. */
export function handlerOf(does: unknown): TcpHandler | undefined {
  if (typeof does === 'function') return does as TcpHandler
  return typeof does === 'string' && Object.hasOwn(SMALL_SERVICES, does)
    ? SMALL_SERVICES[does as SmallService]
    : undefined
}

function* pattern(): Generator<Buffer> {
  for (;;) yield PATTERN
}
