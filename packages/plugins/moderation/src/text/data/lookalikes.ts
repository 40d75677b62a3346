/** A Latin letter, then letters that look like it, then a space. From UTS #39 (Unicode License v3). */
export const LOOKALIKES: string = [
  'aɑαаΑАᎪᗅꓮ bƄЬᏏᑲᖯꞴΒВᏴᗷꓐ cᴄϲⲥсꮯϹⲤСᏟꓚ dԁᏧᑯꓒᎠᗞᗪꓓ eꬲеҽΕЕᎬꓰ fꬵꞙẝքꞘϜᖴꓝ gɡᶃƍցԌᏀᏳꓖ hһհᏂΗⲎНᎻᕼꓧ iıɪɩιιͺіꙇӏꭵᎥ jϳ',
  'јꞲͿЈᎫᒍꓙ kΚⲔКᏦꓗ lƖǀΙⲒІӀꓲⳐᏞᒪꓡ mΜϺⲘМᎷᗰꓟ nոռΝⲚꓠ oᴏᴑꬽοσⲟоօΟⲞОՕꓳ pρϱⲣрΡⲢРᏢᑭꓑ qԛգզ rꭇꭈᴦⲅгꮁƦᎡᏒᖇꓣ sꜱƽѕꮪЅՏᏕᏚꓢ ',
  'tΤⲦТᎢꓔ uꞟᴜꭎꭒʋυսՍᑌꓴ vᴠνѵꮩѴᏙᐯꓦ wɯᴡѡԝաꮃԜᎳᏔꓪ xхᕁᕽꞳΧⲬХꓫ yɣᶌʏỿꭚγуүΥϒⲨУҮᎩᎽꓬ zᴢꮓΖᏃꓜ',
].join('');
