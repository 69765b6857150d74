/** Confined workers run drivers that may be of strangers, and can connect to nothing. */

/**
 * A worker for a driver, which may have come in the fragment of a link and must connect to nothing.
 * A static site sends no headers, so a worker that is loaded from it would have no policy. A worker
 * of a blob inherits the policy of the document that made the blob: a hidden frame, which permits
 * only the files of the bundle.
 */
export interface ConfinedWorker {
  readonly worker: Worker
  /** Ends the worker and removes its frame. Its maker calls it once. */
  end(): void
}

type FrameWindow = Window & Pick<typeof globalThis, 'Blob' | 'URL' | 'Worker'>

/**
 * Returns a script that loads a module and passes on the messages that arrived before. It uses a
 * dynamic import, because Firefox asks the service worker only for these.
 */
const loaderOf = (href: string): string => `
  const early = []
  const keep = event => early.push(event.data)
  addEventListener('message', keep)
  import(${JSON.stringify(href)}).then(() => {
    removeEventListener('message', keep)
    for (const data of early) dispatchEvent(new MessageEvent('message', { data }))
  }, () => reportError(new Error(${JSON.stringify(`${href} does not load`)})))`

/** Starts a module of the bundle, which then calls `restrictGlobals`. */
export async function confinedWorker(url: URL | string): Promise<ConfinedWorker> {
  const { href } = new URL(url, document.baseURI)
  // Firefox starts the site's service worker, which may serve the bundle, with the frame's policy.
  const files = ['.', '../service-worker.js'].map(path =>
    new URL(path, href).href.replaceAll(/[;,]/g, encodeURIComponent),
  )
  const meta = document.createElement('meta')
  meta.httpEquiv = 'Content-Security-Policy'
  meta.content = `default-src 'none'; script-src blob: ${files.join(' ')}`
  const frame = Object.assign(document.createElement('iframe'), {
    hidden: true,
    srcdoc: meta.outerHTML,
  })
  // The site's styles show hidden frames.
  frame.style.display = 'none'
  await new Promise(resolve => {
    frame.addEventListener('load', resolve, { once: true })
    document.body.append(frame)
  })
  const own = frame.contentWindow as FrameWindow
  const blob = new own.Blob([loaderOf(href)], { type: 'text/javascript' })
  const script = own.URL.createObjectURL(blob)
  const worker = new own.Worker(script, { type: 'module' })
  return {
    worker,
    end() {
      worker.terminate()
      own.URL.revokeObjectURL(script)
      frame.remove()
    },
  }
}

/** Globals that connect, reach the page or data of the site; each browser has some of them. */
const DELETED = `
  postMessage fetch fetchLater XMLHttpRequest WebSocket WebSocketStream EventSource WebTransport RTCPeerConnection importScripts
  Worker SharedWorker FontFace fonts Notification navigator caches indexedDB cookieStore BroadcastChannel
  webkitRequestFileSystem webkitRequestFileSystemSync webkitResolveLocalFileSystemURL
  webkitResolveLocalFileSystemSyncURL`
  .trim()
  .split(/\s+/)

/**
 * Deletes them in a worker, before it loads a driver: a policy does not prevent all uses, and a
 * message could forge a verdict. The worker keeps its own reference to postMessage.
 */
export function restrictGlobals(): void {
  for (
    let object: object | null = globalThis;
    object !== null;
    object = Object.getPrototypeOf(object)
  ) {
    for (const name of DELETED) {
      Reflect.deleteProperty(object, name)
    }
  }
}

/** Notices that a worker has sent nothing for some time. `onEnd` gets the time that has passed. */
export function silence(onEnd: (ms: number) => void) {
  let limit: ReturnType<typeof setTimeout> | undefined
  /** Gives the worker so many milliseconds from now on. */
  function restart(ms: number): void {
    clearTimeout(limit)
    limit = setTimeout(() => {
      // A page in the background gets neither messages nor the time of its timers.
      if (document.hidden) {
        restart(ms)
      } else {
        onEnd(ms)
      }
    }, ms)
  }
  return { restart, stop: () => clearTimeout(limit) }
}

const SECOND_MS = 1000

/**
 * Notices that a worker sends more messages than its page can handle, such as lines of a log:
 * returns a function that counts a message, and returns whether it is one too many in a second.
 */
export function flood(limit: number): (message: Event) => boolean {
  let since = 0
  let messages = 0
  return ({ timeStamp }) => {
    if (timeStamp - since > SECOND_MS) {
      since = timeStamp
      messages = 0
    }
    return ++messages > limit
  }
}
