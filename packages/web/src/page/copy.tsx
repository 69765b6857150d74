/** A command line in the page, with a button that copies it. */
import { useEffect, useState } from 'preact/hooks'

/** Milliseconds for which the button reports that it has copied. */
const COPIED_MS = 1500

/** It shows nothing if the line is empty. */
export function CommandBox({ line }: { readonly line: string | undefined }) {
  if (line === undefined) return null
  return (
    <div class="command-box">
      <code>{line}</code>
      <CopyButton title="Copy" label="Copy the command line" text={() => line} />
    </div>
  )
}

interface CopyProps {
  readonly title: string
  readonly label?: string
  readonly disabled?: boolean
  readonly text: () => string
}

export function CopyButton({ title, label, disabled = false, text }: CopyProps) {
  const [result, setResult] = useState<string>()
  useEffect(() => {
    const timer = setTimeout(() => setResult(undefined), COPIED_MS)
    return () => clearTimeout(timer)
  }, [result])
  const click = async () => setResult((await copy(text())) ? 'Copied' : 'Not allowed')
  return (
    <button type="button" class="copy" aria-label={label} disabled={disabled} onClick={click}>
      {result ?? title}
    </button>
  )
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Pages from another machine have no clipboard without TLS.
    return copySelected(text)
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.style.cssText = 'position: fixed; top: 0; opacity: 0'
  area.value = text
  area.readOnly = true
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
