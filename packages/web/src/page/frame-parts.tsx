/** The decoded headers of a frame, and its bytes, in the views that show one frame. */
import type { FrameRow } from '../feed-types.ts'
import { byteColumn, hexDump, PER_LINE } from './frames-text.ts'
import { SCROLLABLE } from './table.tsx'

type HeadersProps = Pick<FrameRow, 'headers'> & { readonly changed?: ReadonlyMap<string, string> }

/** `changed` has the earlier values of fields that have changed, by `HEADER/FIELD`. */
export function Headers({ headers, changed }: HeadersProps) {
  return (
    <div class="frame-headers">
      {headers.map(({ name, fields }, i) => (
        <section key={i} class="stack tight">
          <h3>{name}</h3>
          <dl>
            {fields.map((field, j) => {
              const was = changed?.get(`${name}/${field.name}`)
              return (
                <div key={j} class={was === undefined ? '' : 'changed'}>
                  <dt>{field.name}</dt>
                  <dd class="mono">
                    {field.value}
                    {was !== undefined && <span class="muted">{` was ${was}`}</span>}
                  </dd>
                </div>
              )
            })}
          </dl>
        </section>
      ))}
    </div>
  )
}

type BytesProps = Pick<FrameRow, 'bytes' | 'length'> & { readonly changed?: ReadonlySet<number> }

/** `changed` has the places of bytes that are marked. */
export function Bytes({ bytes, length, changed }: BytesProps) {
  const shown = bytes.length / 2
  return (
    <>
      <h3>{`Bytes: ${length > shown ? `the first ${shown} of ` : ''}${length} bytes`}</h3>
      <section class="scroll" aria-label="Bytes" {...SCROLLABLE}>
        <pre>
          {hexDump(bytes).map((line, i) => [
            i > 0 && '\n',
            ...markedLine(line, PER_LINE * i, changed),
          ])}
        </pre>
      </section>
    </>
  )
}

/** Returns a line of the dump, from the byte at `from`, with its changed bytes in marks. */
function markedLine(line: string, from: number, changed: ReadonlySet<number> = new Set()) {
  const columns = Array.from({ length: PER_LINE }, (_, i) => i)
    .filter(i => changed.has(from + i))
    .map(byteColumn)
  return [0, ...columns].flatMap((column, i) => {
    const end = columns[i] ?? line.length
    return [
      i > 0 && <mark key={column}>{line.slice(column, column + 2)}</mark>,
      line.slice(i > 0 ? column + 2 : 0, end),
    ]
  })
}
