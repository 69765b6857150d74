/** Toxics: what a request must have, and the text of a toxic for the wire of the link. */
import { formatShare } from 'vnet/kit/wire'
import { ApiError, checkFields } from './body.ts'
import type { LinkAddress } from './lab-process.ts'
import type { Attributes, ToxicKind } from './toxic-kind.ts'
import { isOfToxiproxy, TOXIC_KINDS } from './toxic-kinds.ts'

/** As the API shows it. */
export interface Toxic {
  attributes: Attributes
  readonly name: string
  readonly type: string
  /** `upstream` or `downstream`, perhaps with capital letters. */
  readonly stream: string
  /** The share of the connections that it hits, from 0 to 1. */
  toxicity: number
}

export const isUpstream = ({ stream }: Toxic): boolean => stream.toLowerCase() === 'upstream'

const TEXT_MAX = 1000

/** Throws an ApiError if the type is unknown. */
export function kindOf(type: string): ToxicKind {
  const kind = TOXIC_KINDS.get(type)
  if (kind === undefined) throw new ApiError('invalid toxic type', 400)
  return kind
}

/** Whether a toxic is a stage of connections; `hasPackets`: there is a link. */
export function isStage(type: string, hasPackets: boolean): boolean {
  const { stage, text } = kindOf(type)
  return stage !== undefined && !(hasPackets && text !== undefined)
}

/**
 * Throws an ApiError for an unknown field of a toxic that only vnet has: a misspelt one would
 * change nothing. toxiproxy ignores unknown fields, so its own toxics may have some. `known` are
 * the fields besides attributes.
 */
export function checkToxicFields(
  type: string,
  body: object,
  attributes: object,
  known: readonly string[],
): void {
  const kind = kindOf(type)
  if (isOfToxiproxy(kind)) return
  checkFields(body, known, 'a toxic')
  checkFields(attributes, Object.keys(kind.attributes), type)
}

/** What the command line of toxiproxy sends for true and false: it knows numbers and texts only. */
const FLAGS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [1, true],
  ['true', true],
  [0, false],
  ['false', false],
])

/** Returns attributes with true or false in place of what stands for it, by their defaults. */
export function withFlags(attributes: object, defaults: Attributes): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      const isFlag = typeof defaults[name.toLowerCase()] === 'boolean'
      return [name, (isFlag ? FLAGS.get(value) : undefined) ?? value]
    }),
  )
}

/** Rejects with an ApiError if a toxic cannot be had, or would read a file or look up a name. */
export async function checkToxic(
  toxic: Toxic,
  isUdp: boolean,
  whyNoPackets: string | undefined,
): Promise<void> {
  const { type, attributes } = toxic
  const { stage, text } = kindOf(type)
  if (text === undefined && isUdp) {
    throw new ApiError(`${type} is for TCP connections, not for UDP`, 400)
  }
  if (whyNoPackets !== undefined && stage === undefined) {
    throw new ApiError(`${type} needs packets, which vnet does not have: ${whyNoPackets}`, 400)
  }
  try {
    const written = text?.(attributes, 0) ?? ''
    if (written.length > TEXT_MAX) {
      throw new Error(`the text of a wire has at most ${TEXT_MAX} characters`)
    }
    if (whyNoPackets === undefined) {
      // The first toxic loads the code of wires.
      const { checkText } = await import('./toxic-text.ts')
      for (const each of [written, textOf(toxic, { port: 1, address: '', isUdp })]) {
        checkText(each, isUpstream(toxic) ? 'ab' : 'ba')
      }
    }
  } catch (error) {
    throw new ApiError((error as Error).message, 400)
  }
}

/** Returns the `match` of a toxic for the wire of its direction; '' if it hits no connection. */
export function textOf(toxic: Toxic, { port, address, isUdp }: LinkAddress): string {
  const { type, toxicity, attributes } = toxic
  const { isOfData = false, text } = kindOf(type)
  if (text === undefined || toxicity <= 0) return ''
  const isV6 = address.includes(':')
  const filter = `${isUdp ? 'udp' : 'tcp'} ${isUpstream(toxic) ? 'dst' : 'src'} port ${port}`
  const flow = toxicity < 1 ? `flow ${formatShare(toxicity)} ` : ''
  const data = isOfData && !isUdp ? 'data ' : ''
  // Ethernet, IP, and UDP or TCP with timestamps.
  const headers = 14 + (isV6 ? 40 : 20) + (isUdp ? 8 : 32)
  return `match '${filter}' ${flow}${data}( ${text(attributes, headers)} )`
}
