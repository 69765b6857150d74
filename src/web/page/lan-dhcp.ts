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

/** The messages of one transaction of a client. */
export interface DhcpTransaction {
  readonly client: string
  readonly transaction: string
  hostname: string | undefined
  readonly messages: DhcpRow[]
}

const MOST = 20
/** A client without a server repeats itself. */
const MOST_MESSAGES = 12

export class DhcpConversations {
  /** The latest first. */
  readonly list: DhcpTransaction[] = []

  clear(): void {
    this.list.length = 0
  }

  /** Takes frames, and ignores all but DHCP. */
  take(frames: readonly FrameRow[]): void {
    for (const frame of frames) this.#take(frame)
  }

  #take(frame: FrameRow): void {
    const fields = dhcpFields(frame)
    if (fields === undefined) return
    const { client, transaction, hostname, ...message } = fields
    const at = this.list.findIndex(each => each.client === client && each.transaction === transaction)
    const [known] = at < 0 ? [] : this.list.splice(at, 1)
    const conversation = known ?? { client, transaction, hostname, messages: [] }
    conversation.hostname ??= hostname
    conversation.messages.push(message)
    if (conversation.messages.length > MOST_MESSAGES) conversation.messages.shift()
    this.list.unshift(conversation)
    if (this.list.length > MOST) this.list.pop()
  }
}

type Fields = DhcpRow & Pick<DhcpTransaction, 'client' | 'transaction' | 'hostname'>

/** Returns the fields of a frame, from its headers; undefined if it is not a DHCP message. */
function dhcpFields({ time, headers, dropped }: FrameRow): Fields | undefined {
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
