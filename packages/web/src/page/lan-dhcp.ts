/** DHCP conversations, found among the frames of a port. */
import type { FrameRow } from '../feed-types.ts'

export interface DhcpRow {
  /** Milliseconds since 1970. */
  readonly time: number
  /** `DISCOVER`, `OFFER`, `REQUEST`, `ACK`, `NAK`, ... */
  readonly type: string
  /** The address that it offers, requests or gives. */
  readonly address: string | undefined
  /** Why the frame was dropped; undefined if it was not. */
  readonly dropped: string | undefined
}

export interface DhcpTransaction {
  readonly client: string
  readonly transaction: string
  readonly hostname: string | undefined
  readonly messages: readonly DhcpRow[]
}

const MOST = 20
/** A client without a server repeats itself. */
const MOST_MESSAGES = 12

/** Returns the conversations, the latest first, with the DHCP messages among more frames. */
export const conversations = (before: readonly DhcpTransaction[], frames: readonly FrameRow[]) =>
  frames.reduce(withFrame, before)

function withFrame(all: readonly DhcpTransaction[], frame: FrameRow): readonly DhcpTransaction[] {
  const fields = dhcpFields(frame)
  if (fields === undefined) return all
  const { client, transaction, hostname, ...message } = fields
  const isSame = (each: DhcpTransaction) => each.client === client && each.transaction === transaction
  const known = all.find(isSame)
  const messages = [...(known?.messages ?? []), message].slice(-MOST_MESSAGES)
  const changed = { client, transaction, hostname: known?.hostname ?? hostname, messages }
  return [changed, ...all.filter(each => !isSame(each))].slice(0, MOST)
}

/** Returns the fields of a frame, from its headers; undefined if it is not a DHCP message. */
function dhcpFields({ time, headers, dropped }: FrameRow) {
  const header = headers.find(({ name }) => name === 'DHCP')
  if (header === undefined) return undefined
  const field = (wanted: string) => header.fields.find(({ name }) => name === wanted)?.value
  // `DISCOVER (1)`
  const type = field('Message type')?.split(' ')[0]
  // A message that is malformed has no type.
  if (type === undefined) return undefined
  const address = field('Your address') ?? field('Requested address') ?? field('Client address')
  const client = field('Client MAC') ?? ''
  const transaction = field('Transaction id') ?? ''
  return { time, type, address, dropped, client, transaction, hostname: field('Host name') }
}
