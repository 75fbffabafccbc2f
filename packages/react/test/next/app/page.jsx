// A server component: nothing here says "use client", the package does.
import { SecureInput, SecurityBadge } from '@interlock/react';

export default function Page() {
  return (
    <main>
      <SecureInput label="Message" enforce />
      <SecurityBadge decision={{ effect: 'allow', risk: 3 }} />
    </main>
  );
}
