/** The editor of an exercise: CodeMirror with the interface of packages/learn/src/browser. */
import { indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { lintGutter } from '@codemirror/lint'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import { classHighlighter } from '@lezer/highlight'
import { minimalSetup } from 'codemirror'
import { driverTypes } from './driver-types.js'
import { markChecked, markSyntaxErrors } from './syntax-errors.js'

/** Colours are in exercise.css. `types` is the URL of the table of scripts/editor-types.mjs. */
export function codeMirror({ text, label, describedBy, onChange, onCheck }, types) {
  const check = () => {
    onCheck()
    return true
  }
  const view = new EditorView({
    doc: text,
    extensions: [
      keymap.of([
        { key: 'Mod-Enter', run: check },
        { key: 'Ctrl-Enter', run: check },
        indentWithTab,
      ]),
      minimalSetup,
      lineNumbers(),
      indentOnInput(),
      bracketMatching(),
      javascript(),
      syntaxHighlighting(classHighlighter),
      lintGutter(),
      markSyntaxErrors(),
      driverTypes(types, () => view.dom.setAttribute('data-types', '')),
      EditorView.contentAttributes.of({
        'aria-label': label,
        'aria-describedby': describedBy,
        tabindex: '0',
      }),
      EditorView.updateListener.of(({ docChanged }) => docChanged && onChange()),
    ],
  })
  const lineAt = number => view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines))
  return {
    element: view.dom,
    get text() {
      return view.state.doc.toString()
    },
    replace(insert) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert } })
    },
    mark(marks) {
      const diagnostics = marks.map(({ line, message }) => {
        const { from, to } = lineAt(line)
        return { from, to, severity: 'error', message }
      })
      view.dispatch(markChecked(view.state, diagnostics))
    },
    goTo(line) {
      view.dispatch({ selection: { anchor: lineAt(line).from }, scrollIntoView: true })
      view.focus()
    },
    show(line) {
      // After a reload, Firefox restores the scroll position. CodeMirror has not measured its lines
      // yet, and would show another line.
      view.scrollDOM.scrollTop = 0
      requestAnimationFrame(() => {
        // EditorView.scrollIntoView would scroll the page, too.
        view.scrollDOM.scrollTop = view.lineBlockAt(lineAt(line).from).top
      })
    },
    close: () => view.destroy(),
  }
}
