/** The decoded headers of a frame, and its bytes, in the views that show one frame. */
import type { FrameRow } from '../feed-types.ts'
import { hexDump } from './frames-text.ts'
import { SCROLLABLE } from './hooks.ts'

interface HeadersProps {
  readonly headers: FrameRow['headers']
  /** The earlier values of fields that have changed, by `HEADER/FIELD`. */
  readonly changed?: ReadonlyMap<string, string>
}

export function Headers({ headers, changed }: HeadersProps) {
  return (
    <div class="frame-headers">
      {headers.map(({ name, fields }, i) => (
        <section key={i}>
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

export function Bytes({ bytes, length }: Pick<FrameRow, 'bytes' | 'length'>) {
  const shown = bytes.length / 2
  return (
    <>
      <h3>{`Bytes: ${length > shown ? `the first ${shown} of ` : ''}${length} bytes`}</h3>
      <section class="scroll" aria-label="Bytes" {...SCROLLABLE}>
        <pre>{hexDump(bytes).join('\n')}</pre>
      </section>
    </>
  )
}
