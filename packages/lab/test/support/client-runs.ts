/** Runs of clients for tests, as runClient returns them. */
import { type ClientRun, type Content, ContentReader } from '../../src/hunt/client-run.ts'

export interface RunParts extends Omit<Partial<ClientRun>, 'out' | 'files'> {
  readonly out?: string
  readonly files?: Readonly<Record<string, string>>
}

export function contentOf(text: string): Content {
  const content = new ContentReader()
  content.take(Buffer.from(text, 'latin1'))
  return content.end()
}

/** Returns a run that has ended with status 0 in 100 ms, unless the parts say otherwise. */
export function clientRun({ out = '', files = {}, ...parts }: RunParts = {}): ClientRun {
  return {
    status: 0,
    signal: undefined,
    hung: false,
    err: '',
    ms: 100,
    ...parts,
    out: contentOf(out),
    files: new Map(Object.entries(files).map(([path, text]) => [path, contentOf(text)])),
  }
}
