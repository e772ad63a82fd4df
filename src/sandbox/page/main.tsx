import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './client/app.tsx';
import './client/style/base.css';
import './client/style/layout.css';
import './client/style/messages.css';
import './client/style/blocks.css';
import './client/style/controls.css';
import './client/style/composer.css';
import './client/style/dialog.css';
import './client/style/world.css';
import './client/style/small.css';

const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
