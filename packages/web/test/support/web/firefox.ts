/** Firefox of the distribution, which Playwright drives by WebDriver BiDi. */
import { type Browser, firefox } from 'playwright-core'

/** Playwright sends it for each context. Firefox ESR does not know it, and refuses the context. */
const MEDIA = 'emulation.setMediaFeaturesOverride'

/** Events that Playwright drops without an id. Firefox ESR gives a saved blob none, but its URL. */
const DOWNLOAD = /^browsingContext\.download(WillBegin|End)$/

interface Message {
  readonly id: number
  readonly method: string
  readonly params?: { readonly url: string; readonly navigation: string | null }
}

/** The part of Playwright between its messages and the socket; its types do not have it. */
interface Transport {
  send(message: Message): void
  onmessage(message: object): void
}

interface Connected {
  readonly _connection: {
    toImpl(browser: object): { readonly _connection: { readonly _transport: Transport } }
  }
}

/** Starts it without a window. Its pages have the color scheme of the system. */
export async function launchFirefox(executablePath: string): Promise<Browser> {
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath })
  const transport = (browser as unknown as Connected)._connection.toImpl(browser)._connection
    ._transport
  const [send, receive] = [transport.send.bind(transport), transport.onmessage.bind(transport)]
  transport.send = message => {
    if (message.method !== MEDIA) return send(message)
    queueMicrotask(() => receive({ id: message.id, type: 'success', result: {} }))
  }
  transport.onmessage = (message: Message) => {
    const { method, params } = message
    receive(
      DOWNLOAD.test(method)
        ? { ...message, params: { download: params?.url, ...params } }
        : message,
    )
  }
  return browser
}
