/** A learner's driver in a browser: kept between visits, and as the fragment of a link. */

/** The driver of an exercise in this browser's storage, which a visitor may have switched off. */
export class KeptDriver {
  readonly #key: string

  constructor(exercise: string) {
    this.#key = `vnet-learn/${exercise}`
  }

  get text(): string | undefined {
    return this.#get('')
  }

  /** Undefined forgets it. */
  set text(text: string | undefined) {
    this.#set('', text)
  }

  /** The text with which all checks passed. */
  get passed(): string | undefined {
    return this.#get('/passed')
  }

  set passed(text: string | undefined) {
    this.#set('/passed', text)
  }

  #get(name: string): string | undefined {
    try {
      return localStorage.getItem(this.#key + name) ?? undefined
    } catch {
      return undefined
    }
  }

  #set(name: string, text: string | undefined): void {
    try {
      if (text === undefined) {
        localStorage.removeItem(this.#key + name)
      } else {
        localStorage.setItem(this.#key + name, text)
      }
    } catch {
      // The page works without it, and says nothing at each key.
    }
  }
}

/** Whether an exercise has a driver in this browser's storage, and whether one has passed. */
export type ExerciseState = 'new' | 'begun' | 'passed'

/** Returns the state of an exercise. What has passed once remains so, whatever is written since. */
export function stateOf(exercise: string): ExerciseState {
  const { passed, text } = new KeptDriver(exercise)
  if (passed !== undefined) return 'passed'
  return text === undefined ? 'new' : 'begun'
}

const NAME = '#driver='
/** Characters of a driver: a link or a file may be a bomb. The longest solution has 12,000. */
const LENGTH_MAX = 1_000_000

/** Returns the fragment of a link that holds the text. */
export async function fragmentOf(text: string): Promise<string> {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer())
  const base64 = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
  return NAME + base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Returns the text that a fragment holds; undefined if it holds none. Throws if it is damaged. */
export async function textOfFragment(fragment: string): Promise<string | undefined> {
  if (!fragment.startsWith(NAME)) return undefined
  const binary = atob(fragment.slice(NAME.length).replaceAll('-', '+').replaceAll('_', '/'))
  return inflated(Uint8Array.from(binary, character => character.charCodeAt(0)))
}

/** Throws if a driver's text may not have this length. */
export function limitLength(length: number): void {
  if (length > LENGTH_MAX) throw new Error(`a driver has at most ${LENGTH_MAX} characters`)
}

/** Returns the text that was compressed to the bytes (deflate). Throws if they are damaged. */
export async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  const decoder = new TextDecoder()
  let text = ''
  for (const reader = unpacked.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
    limitLength(text.length)
  }
}
