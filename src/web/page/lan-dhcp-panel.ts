/** DHCP conversations as they happen on the port that is looked at. */
import type { FeedMessage } from '../feed-types.ts'
import type { App } from './app.ts'
import { fill, h, setText } from './dom.ts'
import { DhcpConversations, type DhcpTransaction } from './lan-dhcp.ts'

type Frames = Extract<FeedMessage, { type: 'frames' | 'dhcp' }>

export class DhcpPanel {
  readonly element: HTMLElement
  readonly #app: App
  readonly #conversations = new DhcpConversations()
  readonly #none = h('p', { class: 'muted' })
  readonly #skippedText = h('p', { class: 'muted' })
  readonly #list = h('ol', { class: 'dhcp', attrs: { 'aria-label': 'DHCP conversations' } })
  #skipped = 0

  constructor(app: App) {
    this.#app = app
    const head = h('h2', {}, 'DHCP')
    this.element = h('section', { class: 'panel' }, head, this.#none, this.#list, this.#skippedText)
    this.#show()
  }

  clear(): void {
    this.#conversations.clear()
    this.#skipped = 0
    this.#show()
  }

  /** The token may be another one. */
  update(): void {
    const seen = 'No DHCP message has passed this port while this view was open.'
    setText(this.#none, this.#app.mayChange ? seen : 'Frames, and so conversations, are shown only with the token.')
  }

  take({ frames, skipped }: Frames): void {
    if (skipped > 0) {
      this.#skipped += skipped
      const many = this.#skipped.toLocaleString('en')
      setText(this.#skippedText, `${many} frames were too many to look at; a message may be missing here.`)
    }
    if (this.#conversations.take(frames)) this.#show()
  }

  #show(): void {
    const { list } = this.#conversations
    this.#none.hidden = list.length > 0
    if (this.#skipped === 0) setText(this.#skippedText, '')
    fill(this.#list, ...list.map(conversationRow))
    this.update()
  }
}

function conversationRow({ client, hostname, messages }: DhcpTransaction): HTMLElement {
  const start = messages[0]?.time ?? 0
  const tags = messages.map(({ type, address, time, dropped }, i) => {
    const kind = dropped !== undefined || type === 'NAK' || type === 'DECLINE' ? 'drop' : type === 'ACK' ? 'ok' : ''
    const later = i > 0 && `+${Math.round(time - start)} ms`
    const other = address !== messages[i - 1]?.address && address
    const text = h('span', { class: `tag ${kind}` }, type)
    const about = [other, later, dropped !== undefined && `dropped: ${dropped}`].filter(Boolean).join(' ')
    return h('span', { class: 'message' }, text, h('span', { class: 'muted' }, about))
  })
  const when = h('time', { class: 'muted' }, new Date(start).toLocaleTimeString('en-GB'))
  const who = h('span', { class: 'mono' }, [client, hostname].filter(Boolean).join(' '))
  return h('li', {}, h('span', { class: 'head' }, when, who), ...tags)
}
