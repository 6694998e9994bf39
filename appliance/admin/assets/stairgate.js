// Every page works without this script. With it the menu folds on a narrow
// screen, a password can be shown, and a reader is taken to the errors.
import { createAll, Button, ErrorSummary, NotificationBanner, PasswordInput, ServiceNavigation, SkipLink } from './govuk-frontend.js'

document.body.classList.add('js-enabled', 'govuk-frontend-supported')
for (const part of [Button, ErrorSummary, NotificationBanner, PasswordInput, ServiceNavigation, SkipLink]) {
  createAll(part)
}

// The trial page counts down, and shows what happened when time is up.
for (const place of document.querySelectorAll('.sg-countdown')) {
  const until = Date.parse(place.dataset.until)
  // The box's clock decides; this one may be wrong by hours.
  const ahead = Date.parse(place.dataset.now) - Date.now()
  const tick = () => {
    const left = Math.round((until - Date.now() - ahead) / 1000)
    if (left < 0) {
      location.assign('/settings/trial')
      return
    }
    place.textContent = ` (${left} ${left === 1 ? 'second' : 'seconds'} left)`
    setTimeout(tick, 1000)
  }
  tick()
}
