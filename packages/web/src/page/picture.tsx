/** The views of the page inside another page, which has its own source of messages. */
import { batch, signal } from '@preact/signals'
import { render } from 'preact'
import type { Picture, PictureOptions } from '../picture-types.ts'
import { App, parsePlace, placeHash } from './app.ts'
import { controlsView } from './controls.tsx'
import { driverView } from './driver.tsx'
import { framesView } from './frames.tsx'
import { stepView } from './step.tsx'
import { isTyping, KeysFrom } from './table.tsx'

const VIEWS = { driver: driverView, frames: framesView, 'hands-on': controlsView, step: stepView }

/**
 * Shows views in an element. They are in a shadow root, so neither the styles of the page around it
 * nor the styles of the views disturb the other. Keys are commands while the focus is in it. The
 * caller closes the picture.
 */
export function mountPicture(element: Element, { views, style, command }: PictureOptions): Picture {
  const host = document.createElement('div')
  const root = host.attachShadow({ mode: 'open' })
  const place = document.createElement('div')
  root.append(Object.assign(document.createElement('style'), { textContent: style }), place)
  const problem = signal('')
  const state: App = new App(
    views.map(name => VIEWS[name]),
    {
      send: command,
      select: id => state.look(id),
      notify: text => {
        problem.value = text
      },
    },
  )
  const [first, ...others] = state.views
  const chosen = signal(others[0])
  const show = (name: string) => {
    chosen.value = others.find(view => view.name === name) ?? chosen.value
  }
  root.addEventListener('click', event => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null
    if (link === null) return
    event.preventDefault()
    const { view, device } = parsePlace(link.getAttribute('href') ?? '')
    batch(() => {
      show(view)
      state.look(device)
    })
  })
  // The page around it sees only the host, so it would take typed letters for commands.
  root.addEventListener(
    'keydown',
    event => isTyping(event as KeyboardEvent) && event.stopPropagation(),
  )
  const Views = () => (
    <KeysFrom.Provider value={root}>
      <div class="picture stack">
        <p class="notice" role="status" hidden={problem.value === ''}>
          {problem.value}
        </p>
        <first.Body />
        {chosen.value !== undefined && (
          <>
            <nav class="views" aria-label="Views">
              {others.map(({ name, title }) => (
                <a
                  key={name}
                  href={placeHash({ view: name, device: state.wanted })}
                  aria-current={name === chosen.value.name ? 'page' : undefined}
                >
                  {title}
                </a>
              ))}
            </nav>
            <chosen.value.Body key={chosen.value.name} />
          </>
        )}
      </div>
    </KeysFrom.Provider>
  )
  render(<Views />, place)
  element.append(host)
  return {
    receive: message => batch(() => state.receive(message)),
    show,
    pause: isPaused => state.pause(isPaused),
    close() {
      render(null, place)
      host.remove()
    },
  }
}
