/** The fields of a filter of frames. */
import type { RefObject } from 'preact'
import type { DeviceRow } from '../feed-types.ts'
import { EVERY, type FrameFilter, type Wanted } from './frames-filter.ts'

const TYPED = { type: 'search', class: 'mono', spellcheck: false, autocomplete: 'off', autocapitalize: 'off' } as const

interface FieldsProps {
  readonly filter: FrameFilter
  /** The name of the expression's field. */
  readonly label: string
  /** The ids of the elements that describe it. */
  readonly describedBy: string
  readonly device: DeviceRow | undefined
  readonly disabled: boolean
  /** Whether dropped frames can be chosen: a frame that waits for a step has no fate yet. */
  readonly hasFate: boolean
  readonly input?: RefObject<HTMLInputElement | null>
  readonly pressed?: (event: KeyboardEvent) => void
}

export function FilterFields({ filter, device, disabled, hasFate, ...rest }: FieldsProps) {
  const { wanted, error } = filter
  const { txQueues = 1, rxQueues = 1 } = device ?? {}
  const queues = Math.max(txQueues, rxQueues, Number(wanted.value.queue) + 1)
  const field = (name: keyof Wanted) => ({
    disabled,
    value: wanted.value[name],
    onInput({ currentTarget }: { readonly currentTarget: HTMLInputElement | HTMLSelectElement }) {
      wanted.value = { ...wanted.value, [name]: currentTarget.value }
    },
  })
  const search = (name: 'expression' | 'text') => ({
    ...field(name),
    ...TYPED,
    onKeyDown(event: KeyboardEvent) {
      if (event.key === 'Escape') wanted.value = { ...wanted.value, [name]: EVERY[name] }
      rest.pressed?.(event)
    },
  })
  const choice = (name: 'direction' | 'fate' | 'queue', label: string, every: string, values: readonly string[]) => (
    <select aria-label={label} {...field(name)}>
      <option value="">{every}</option>
      {values.map(value => (
        <option key={value} value={value}>
          {name === 'queue' ? `queue ${value}` : value}
        </option>
      ))}
    </select>
  )
  return (
    <>
      <input
        {...search('expression')}
        {...(rest.input && { ref: rest.input })}
        placeholder="pcap-filter: tcp port 80"
        aria-label={rest.label}
        aria-describedby={rest.describedBy}
        aria-invalid={error.value !== ''}
      />
      {choice('direction', 'Direction', 'tx and rx', ['tx', 'rx'])}
      {hasFate && choice('fate', 'Fate', 'any fate', ['passed', 'dropped'])}
      {queues > 1 && choice('queue', 'Queue', 'all queues', [...Array(queues).keys()].map(String))}
      <input {...search('text')} placeholder="contains" aria-label="Text in the frame" />
    </>
  )
}
