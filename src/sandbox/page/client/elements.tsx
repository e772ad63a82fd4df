import { useContext } from 'react';
import type { ReactNode } from 'react';
import { Button, Overflow } from './buttons.tsx';
import { Choices, Picker, TextInput } from './inputs.tsx';
import { ReaderContext } from './reader.ts';
import { External, Select } from './selects.tsx';
import type { Props } from './surface.ts';
import { rec, str } from './values.ts';
import type { Rec } from './values.ts';

/** Any interactive element of a block. */
export function Element(props: Props): ReactNode {
  switch (str(props.element['type'])) {
    case 'button':
    case 'workflow_button':
      return <Button {...props} />;
    case 'overflow':
      return <Overflow {...props} />;
    case 'image':
      return <Picture image={props.element} />;
    case 'radio_buttons':
    case 'checkboxes':
      return <Choices {...props} />;
    case 'plain_text_input':
    case 'number_input':
    case 'email_text_input':
    case 'url_text_input':
      return <TextInput {...props} />;
    case 'datepicker':
    case 'timepicker':
    case 'datetimepicker':
      return <Picker {...props} />;
    case 'external_select':
    case 'multi_external_select':
      return <External {...props} />;
    default:
      return /_select$/.test(str(props.element['type'])) ? <Select {...props} /> : null;
  }
}

export function Picture({ image, className }: { image: Rec; className?: string }) {
  const { fileUrl } = useContext(ReaderContext);
  const own = str(rec(image['slack_file'])['id']);
  return (
    <img
      src={own === '' ? str(image['image_url']) : fileUrl(own)}
      alt={str(image['alt_text'])}
      className={className}
      loading="lazy"
    />
  );
}
