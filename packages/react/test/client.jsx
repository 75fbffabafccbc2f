import { hydrateRoot } from 'react-dom/client';
import { App } from './app.jsx';

window.recoverable = [];
window.sent = 0;
document.addEventListener('submit', (event) => {
  event.preventDefault();
  window.sent += 1;
});
window.root = hydrateRoot(document.getElementById('root'), <App />, {
  onRecoverableError: (error) => window.recoverable.push(String(error)),
});
