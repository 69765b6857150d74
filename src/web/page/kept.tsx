/** Puts a view that makes its elements itself into the page while it is shown. */
import { useLayoutEffect, useRef } from 'preact/hooks'

interface Kept {
  readonly element: HTMLElement
  shown?(): void
  hidden?(): void
}

export function keptBody(view: Kept) {
  return function Body() {
    const host = useRef<HTMLDivElement>(null)
    useLayoutEffect(() => {
      host.current!.append(view.element)
      view.shown?.()
      return () => view.hidden?.()
    }, [])
    return <div class="kept" ref={host} />
  }
}
