/**
 * The default theme with the system's fonts, which need no download, and with an editor and the
 * checks on the pages of exercises, and the playground.
 */
import { onContentUpdated, useData, withBase } from 'vitepress'
import DefaultTheme from 'vitepress/theme-without-fonts'
import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'
import mark from '../../../packages/web/src/page/mark.svg?raw'
import './content.css'
import './exercise.css'
import './doors.css'
import './figure.css'
import './front.css'
import './playground.css'
import { Divider } from './divider.js'
import { withFigure } from './figure.js'
import { markPassed } from './progress.js'
import { showCurrentPage } from './sidebar.js'
import './site.css'

/** Resolves when the page has nothing better to do. */
const idle = () => new Promise(resolve => (globalThis.requestIdleCallback ?? setTimeout)(resolve))

async function loadEditor(types) {
  await idle()
  const { codeMirror } = await import('./code-mirror.js')
  return options => codeMirror(options, types)
}

const loadPlayground = () => import('../../../packages/learn/src/browser/playground/playground.ts')

async function loadPicture() {
  const [{ mountPicture }, { default: style }] = await Promise.all([
    import('@vnet/web/picture'),
    import('../../../packages/web/src/page/style.css?inline'),
  ])
  return (element, options) => mountPicture(element, { ...options, style })
}

/** Returns a reference for an element, which `mount` fills until the page is left. */
function useMounted(load) {
  const place = ref()
  let isLeft = false
  let unmount = () => {
    isLeft = true
  }
  onMounted(async () => {
    const mount = await load()
    if (!isLeft) {
      unmount = mount(place.value)
    }
  })
  onBeforeUnmount(() => unmount())
  return place
}

const Exercise = defineComponent({
  props: ['exercise'],
  setup({ exercise }) {
    const place = useMounted(async () => {
      const [{ mountExercise }, { exerciseHelp }] = await Promise.all([
        import('../../../packages/learn/src/browser/exercise-page.ts'),
        import('./help.js'),
      ])
      const text = document.querySelector('.vp-doc')
      const inBundle = file => withBase(`/${exercise.bundle}/${file}`)
      const editor = () => loadEditor(inBundle('types.json'))
      return element =>
        mountExercise(element, {
          ...exercise,
          worker: inBundle('check-worker.js'),
          readme: inBundle(`pages/${exercise.name}.md`),
          text,
          help: exerciseHelp({
            ...exercise,
            url: inBundle(`solutions/${exercise.name}.json`),
            text,
          }),
          onPassed: markPassed,
          next: { ...exercise.next, href: withBase(exercise.next.href) },
          mountMotion: async (element, driver) => {
            const { mountPlayground } = await loadPlayground()
            const worker = inBundle('playground-worker.js')
            const loadPictures = async () => withFigure(await loadPicture(), text)
            return mountPlayground(element, { worker, loadPicture: loadPictures, driver })
          },
          loadEditor: editor,
        })
    })
    // The outline of the page leads to the heading.
    const heading = () => h('h2', { id: 'driver', tabindex: '-1' }, exercise.driver)
    // Without scripts, and until they run, the skeleton is text.
    const skeleton = () => h('pre', { class: 'skeleton' }, h('code', exercise.skeleton))
    return () =>
      h('section', { class: 'exercise vp-doc' }, [heading(), h('div', { ref: place }, skeleton())])
  },
})

/** `<Playground />` in the text of its page, which is on GitHub without it. */
const Playground = defineComponent({
  setup() {
    const { bundle } = useData().frontmatter.value.playground
    const place = useMounted(async () => {
      const [{ mountPlayground }, { default: sample }] = await Promise.all([
        loadPlayground(),
        import('../../../packages/learn/src/browser/playground/sample.js?raw'),
      ])
      const worker = withBase(`/${bundle}/playground-worker.js`)
      const editor = () => loadEditor(withBase(`/${bundle}/types.json`))
      return element =>
        mountPlayground(element, { worker, loadPicture, loadEditor: editor, sample }).close
    })
    return () =>
      h('section', { class: 'playground vp-doc', 'aria-label': 'Playground' }, [
        h('div', { class: 'place', ref: place }),
      ])
  },
})

/** `<CourseProgress />` in the text of the list of exercises, which is on GitHub without it. */
const CourseProgress = defineComponent(() => {
  const place = useMounted(async () => {
    const { mountProgress } = await import('./course-progress.js')
    return element => mountProgress(element, document.querySelector('.vp-doc'))
  })
  return () => h('div', { class: 'course-progress', ref: place })
})

/** Without the style of the file, which follows the system and not the page. */
const Mark = () => h('span', { class: 'mark', innerHTML: mark.replace(/<title>.*<\/style>/, '') })

const Layout = defineComponent(() => {
  const { frontmatter } = useData()
  onContentUpdated(markPassed)
  onContentUpdated(showCurrentPage)
  onMounted(async () => {
    await idle()
    // Its files would take the link from the editor and the first check.
    await new Promise(resolve => setTimeout(resolve, 3000))
    // Without it, as in a private window, the site needs a network.
    if (import.meta.env.PROD) {
      navigator.serviceWorker?.register(withBase('/service-worker.js')).catch(() => {})
    }
  })
  // Another tab has checked.
  onMounted(() => addEventListener('storage', markPassed))
  const exercise = () => frontmatter.value.exercise
  const below = () => exercise() && h(Exercise, { key: exercise().name, exercise: exercise() })
  return () =>
    h(DefaultTheme.Layout, null, {
      'nav-bar-title-before': Mark,
      'doc-before': () =>
        exercise() && h('a', { class: 'to-editor', href: '#driver' }, 'To the editor'),
      'doc-footer-before': below,
      'doc-after': () => exercise() && h(Divider),
    })
})

// biome-ignore lint/style/noDefaultExport: VitePress loads its theme by the default export.
export default {
  extends: DefaultTheme,
  Layout,
  enhanceApp({ app }) {
    app.component('Playground', Playground)
    app.component('CourseProgress', CourseProgress)
  },
}
