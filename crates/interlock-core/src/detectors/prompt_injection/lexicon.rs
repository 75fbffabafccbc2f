//! Families of words that injections are made of, in sixteen languages.
//!
//! The models read a text as its words and as the sequence of these families, so that what was
//! learnt of one wording holds for another, and of one language for the others. A family says
//! nothing alone; weights are learnt for it and for its order with others.
//!
//! A word ends in `*` where its stem stands for all its forms: the first five letters of Latin
//! script, ten bytes of others. Ideographs stand in pairs.

use std::sync::LazyLock;

use super::features::word;
use crate::text::normalise;

/// A family and its words, separated by spaces.
pub(super) static FAMILIES: &[(u8, &str)] = &[
    // 1: setting something aside.
    (
        1,
        "ignor* disre* forget forgets forgetting forgot overl* overr* overw* bypas* neglect dismi* \
         discard discards circu* sidestep abandon nulli* suspe* cancel erase skip skipping disob* \
         reset disable disabled disabling deact* unlock unlocks remove removed drop turn off stop \
         evade avoid defy viola* break breaks escape lift lifted relax waive void drop defeat \
         subvert neutralize switch revoke delete exempt \
         missa* umgeh* vergi* verge* verwi* übers* außer setze hebe deakt* abschalten ausschalten \
         olvid* desca* deses* omite omitir omita elude eludir anula anular elimina desac* desob* \
         evade evita rompe salta prescinde abandona aparta saltar quita \
         oubli* conto* néglig* outre* désac* écart* aband* passe laisse enfreins transgresse \
         dimen* trasc* bypassa aggira tralascia sospendi disat* scavalca annulla elimi* disob* \
         esque* desco* contorne desat* supri* burle pule abandone quebre \
         negee* verge* omzeil* uitschakel* \
         zigno* zapom* pomiń pomin* wyłąc* obejd* \
         unut atla geçersiz yoksay görmezden \
         игнор* проигн* забудь забуд* отбро* отмен* обойди обойт* отклю* пренебре* нарушь \
         ignorera glöm strunta bortse \
         忽略 忘记 忘掉 无视 無視 忽視 绕过 繞過 取消 禁用 解除 关闭 回避 破棄 무시 잊어 우회 해제 \
         تجاهل انس تخط تخطى تجاوز अनदेखा अनदेखी भूल भूलो",
    ),
    // 2: what came before or stands above.
    (
        2,
        "previ* prior above earlier prece* foreg* initi* origi* existing former before first \
         preset preex* start starting begin* upstream preamble preceded pre \
         vorhe* vorig* obige oben oberen bishe* früher* vorange* zuvor ursprüng* anfäng* \
         anter* previa previas previos previo prece* arriba inici* origi* \
         précé* antér* dessus initi* \
         sopra prece* inizi* \
         acima anter* prévi* \
         eerde* vorige bovenstaand* oorspr* \
         poprz* powyż* wcześ* \
         önceki yukarıdaki ilk \
         предыдущ* прежние прежн* выше ранее исходн* \
         tidigare ovan \
         之前 以上 前面 上述 上面 先前 初始 最初 以前 上記 이전 위의 앞의 기존 السابقة سابق أعلاه पिछले पिछल* पूर्व ऊपर",
    ),
    // 3: what the model was told.
    (
        3,
        "instr* promp* direc* command commands orders programming sysprompt \
         preprompt systemprompt brief briefing mandate mandates \
         anwei* instr* vorga* befeh* auffo* systemp* programmierung \
         instr* direc* indic* órdenes mandato* comandos programación \
         consi* direc* ordres commandes programmation invite \
         istru* diret* comandi programmazione \
         instru* diret* comandos orden* \
         instr* opdra* \
         instr* polec* \
         talim* komut* yönerge* \
         инструкци* инстр* указан* команд* промпт* подсказ* \
         instr* order \
         指令 指示 提示 命令 说明 명령 지시 프롬 التعليمات تعليمات أوامر الأوامر निर्देश निर्देशों आदेश",
    ),
    // 4: what limits the model.
    (
        4,
        "rule rules polic* const* filter filters limit limits limita* \
         bound* standards protocol protocols princ* \
         barrier barriers blocks protections \
         protective measures values norms shackles chains \
         richt* regel regeln einsc* grenzen besch* siche* ethik* moral* prinz* schutz* protok* \
         regla* normas restr* límit* filtr* segur* ético ética princ* barreras protocolo* \
         règle* restr* limit* filtr* sécur* éthiq* princ* garde* protoc* \
         regol* restr* limit* filtr* sicur* etica etico princ* vincol* \
         regra* restr* limit* filtr* segur* étic* princ* salva* diretrizes \
         regel* beper* richtl* filters veiligheid* \
         zasad* wytyc* ogran* filtr* reguł* \
         kural* kısıt* sınır* filtre* güvenlik \
         правил* огранич* фильтр* безопас* этик* запрет* \
         regler riktlinj* begräns* \
         规则 規則 限制 准则 原则 过滤 安全 约束 审查 道德 制限 規約 倫理 규칙 제한 안전 지침 필터 القيود القواعد قواعد قيود नियम नियमों सीमा",
    ),
    // 27: how the model is set up.
    (
        27,
        "config* initia* setup setups param* settings specification specifications framework \
         blueprint template script foundation logic internals spec preamble context \
         konfi* einst* grundlage param* configuración ajustes marco configuration paramètres cadre \
         configurazione impostazioni configuração configuratie instelling* konfig* ustaw* yapıl* \
         конфиг* настройк* 設定 配置 设置 参数 설정 구성 إعدادات कॉन्फ़िगरेशन",
    ),
    // 28: what keeps the model from harm.
    (
        28,
        "restrict restriction restrictions restricting restrictive guide* safeg* guard* safety ethic* ethical ethics moder* censo* moral morals moral* \
         alignment scruples conscience ethically morality inhibitions compunction \
         richt* einsc* ethik* moral* siche* schutz* ético ética éticas éticos segur* \
         éthiq* sécur* etica etico etiche sicur* étic* diretrizes linee lineas ethisch veiligheid* \
         etycz* bezpiecz* etik* güvenlik этик* безопас* огранич* \
         安全 道德 审查 倫理 制限 限制 안전 제한 윤리 القيود الأخلاق قيود नैतिक सुरक्षा",
    ),
    // 5: disclosing.
    (
        5,
        "revea* discl* divul* leak leaks leaked expose exposed dump dumps recite uncov* exfil* \
         unveil unmask confess spill extract exhibit surface declassify \
         verra* offen* enthü* offengelegt \
         revel* divul* desvel* filtra \
         révèl* divul* dévoi* \
         rivel* svela divul* \
         revel* divul* exponha \
         onthul* prijsgeven \
         ujawn* zdrad* \
         ifşa açıkla \
         раскро* выдай разглас* \
         avslöja \
         泄露 透露 公开 揭示 暴露 漏洩 開示 공개 노출 اكشف كشف افصح उजागर प्रकट",
    ),
    // 6: showing.
    (
        6,
        "show shows showing display print output echo repeat repeats list listing tell give share \
         shares sharing provide write return state quote paste describe explain summarize paraphrase \
         outline detail clarify demonstrate supply deliver access read view see know paraphrase \
         condense enumerate translate rephrase sketch illustrate release send report present \
         restate recount \
         zeig zeige zeigen nenne gib sag sage ausgeben wiederhole wiedergeben mitteilen teile \
         erkläre liste \
         muest* mostr* dime dame decir impri* repit* compa* expli* enumera describe \
         montr* affic* dis donne répèt* impri* parta* expli* décri* \
         mostra* dimmi dammi stampa ripeti condi* elenca spieg* \
         mostre diga repita imprima compa* expli* \
         toon laat herhaal geef vertel \
         pokaż powtó* wypisz podaj \
         göster yazdır tekrarla söyle ver \
         покаж* повтор* выведи назови скажи расскаж* \
         visa upprepa skriv berätta \
         显示 告诉 输出 重复 打印 列出 展示 说出 教え 表示 出力 繰り 보여 알려 출력 말해 اعرض أظهر اطبع أخبر दिखाओ दिखाएं बताओ बताएं दोहराएं",
    ),
    // 7: hidden, inner.
    (
        7,
        "hidden secret secre* inter* system core underl* confi* private base found* concealed \
         covert backend inner root central exact entire full actual true real complete veiled \
         undisclosed classified sealed behind \
         verste* geheim* intern* system* grundl* vollständ* \
         ocult* secre* inter* sistema confi* subyac* complet* \
         caché* secrè* secre* inter* système confi* comple* \
         nasco* segre* inter* sistema complet* riserv* \
         ocult* segre* inter* sistema complet* \
         verbor* geheim* systeem* volledig* \
         ukryt* tajn* systemow* \
         gizli sistem iç \
         скрыт* секрет* внутрен* системн* полный \
         dold* hemlig* \
         系统 系統 隐藏 秘密 内部 原始 完整 内容 隠さ 機密 시스 숨겨 비밀 내부 النظام المخفية السرية سري सिस्टम गुप्त छिपे",
    ),
    // 29: what belongs to the one addressed.
    (
        29,
        "your yours ur thy own its dein deine deinen deiner deinem ihre ihren ihrer tu tus su sus vos \
         ton ta tes votre vos tuo tua tuoi tue vostre teu tua seu seus sua suas jouw uw twoje twój \
         swoje swoich senin твои твой свои ваши dina ditt 你的 您的 あな 너의 당신 आपके अपने",
    ),
    // 30: asking.
    (
        30,
        "what whats which how does did do is are were why who where when was wie welche woran \
         qué cuál cuáles cómo quel quelle quels quelles quoi quale quali come cosa qual quais wat \
         welk welke jaki jakie nasıl hangi какие какой как что vilka vad \
         什么 哪些 如何 怎么 何で どの 어떤 무엇 ما ماذا क्या कौन",
    ),
    // 8: the one addressed.
    (
        8,
        "you yourself youre youve u ur \
         du dein deine deinen deiner dich dir sie ihre ihren ihrer \
         tú tu tus te ti usted su sus vos \
         toi ton ta tes vous votre vos \
         tuo tua tuoi tue voi vostre \
         você teu tua seu seus sua suas \
         jij je jouw uw \
         twoje twój swoje swoich ty \
         sen senin sana \
         ты твои твой тебя тебе свои вы ваши вас \
         du din dina \
         你的 你是 您的 あな 당신 너의 أنت لك आप आपके तुम अपने",
    ),
    // 9: machines that answer.
    (
        9,
        "ai assistant assistants model models llm llms chatbot chatbots gpt chatgpt bot claude gemini \
         llama copilot agent agents machine openai anthropic neural language \
         ki sprachmodell assistent \
         ia asistente modelo \
         assistant modèle \
         modello assistente \
         modelo \
         taalmodel \
         asystent model \
         yapay zeka asistan \
         ии модель ассистент нейросеть бот \
         模型 助手 人工 人工智能 机器 모델 인공 الذكاء المساعد मॉडल सहायक",
    ),
    // 10: claims of a right.
    (
        10,
        "autho* admin admini* devel* owner creator creators researcher researchers clearance \
         credentialed verified verify supervisor ceo cto ciso emergency audit audits auditor audito* \
         compliance certi* inspector inspe* official offic* permission permitted engineer team \
         maintainer permi* approved privileged sudo superuser legal government police regulator \
         manager operator ticket \
         befug* admini* entwi* genehm* \
         autor* admini* desar* permi* \
         autor* admin* dével* permi* \
         autor* ammin* svilu* perme* \
         autor* admin* desen* permi* \
         beheerder toestemming upowa* yetki* \
         администрат* разработ* разреш* \
         授权 授權 管理 开发 開発 権限 관리 개발 권한 مسؤول مصرح मुझे प्रशासक",
    ),
    // 11: without limits.
    (
        11,
        "unres* uncen* unfil* unlim* unbound unbounded jailb* freed* free freely liber* evil amoral \
         unethical immoral anything everything unconstrained limitless lawless rogue dan stan dude \
         unhinged unaligned unmoderated \
         unein* ungef* unzen* frei \
         ilimi* libre* sincensura \
         illim* libre* \
         illim* liber* \
         ilimi* livre* \
         onbep* vrij \
         nieog* serbest sınırsız \
         неограни* свободн* \
         自由 越狱 无限 無制限 自由に 자유 제약 حر بدون बिना मुक्त",
    ),
    // 12: playing a part.
    (
        12,
        "prete* imagi* rolep* role act acting simul* story fiction ficti* character persona hypot* \
         suppose scenario game dream narrat* tale novel play behave emulate impersonate embody \
         assume become picture envision mask movie scene script alter ego twin opposite \
         stell* tu spiel* rolle verha* geschi* \
         finge finja imagi* actúa actua juega papel persona* rol simul* comport* \
         fais imagi* agis joue rôle simul* compo* \
         fingi immag* agisci recita ruolo simul* compo* \
         finja imagi* aja atue papel simul* compo* \
         doe stel speel rol \
         udawaj wyobr* zachow* \
         davran rol gibi \
         притвор* представ* веди роль сыграй \
         låtsas agera \
         假装 扮演 想象 角色 假设 演じ 振る 仮定 역할 가정 상상 تظاهر تخيل تصرف नाटक कल्पना",
    ),
    // 13: running code.
    (
        13,
        "execute exec execu* run runs running eval bash sudo whoami shell subprocess popen powershell \
         passwd rm wget curl chmod import __import__ os compile spawn invoke call kubectl terminal \
         ausfü* führe ejecu* exécu* lance esegu* executa* execute uitvoeren wykonaj çalıştır \
         выполн* запуст* 执行 运行 実行 실행 نفذ شغل चलाओ निष्पादित",
    ),
    // 14: saying, in so many words.
    (
        14,
        "say says saying respond reply answer phrase sentence text words word exact exactly verbatim \
         only precisely literally nothing else whole entire concat* string append include embed \
         insert finish complete fill blank begin prefix suffix \
         sag sage antworte antworten nur genau wort satz \
         di responde solo exact* frase palabra palabras únicamente \
         réponds répond* seule* exact* phrase mot mots \
         rispo* solo esatt* frase parole soltanto \
         responda apenas exata* frase palavra \
         zeg antwoord alleen exact \
         powiedz odpowiedz tylko \
         sadece cevapla kelime \
         ответь отвеч* только слово дослов* \
         svara endast bara \
         只能 回答 回复 逐字 一字 答え だけ のみ 대답 그대 فقط قل أجب केवल कहो जवाब",
    ),
    // 15: negation.
    (
        15,
        "no not dont never without cannot cant wont none neither nor isnt doesnt arent zero longer \
         nicht kein keine keinen ohne niemals nie \
         sin ningún ninguna nunca jamás \
         ne pas sans aucun aucune jamais \
         non senza nessun nessuna mai \
         não sem nenhum nenhuma nunca \
         niet geen zonder nooit \
         nie bez żadnych \
         değil yok olmadan asla \
         не без никогда нет никаких \
         inte utan aldrig \
         不要 没有 不能 不再 无需 ない なく せず 없이 않고 말고 لا دون ليس नहीं मत",
    ),
    // 16: from here on.
    (
        16,
        "now henceforth onwards onward forward instead new updated update replace replaces supersede \
         supersedes takes priority following next effective immediately today begin \
         jetzt nun ab künftig stattdessen neue neuen folgende \
         ahora adelante nuevo nueva nuevas siguiente partir \
         maintenant désormais nouvelle nouveau nouvelles suivant partir \
         ora adesso poi nuovo nuova nuove seguente invece partire \
         agora novo nova novas seguinte partir doravante \
         nu voortaan nieuwe volgende \
         teraz odtąd nowe następujące \
         şimdi artık yeni bundan \
         теперь отныне новые следующ* сейчас вместо \
         nu hädanefter \
         现在 现开始 从现 接下 新的 今か 今後 新し 지금 이제 새로 الآن جديد अब नया",
    ),
    // 17: modes and switches.
    (
        17,
        "mode modes debug debugging maintenance override developer god test testing testmode safe \
         diagnostic admin root enabled enable activate activated engage engaged unlocked boot reboot \
         restart shutdown simulation sandbox bypass flag toggle level backdoor \
         modus wartung aktiv* modo activa* mode activer modalità attiva* ativ* \
         tryb mod режим актив* 模式 激活 启用 启动 モー 有効 모드 활성 وضع فعل मोड सक्रिय",
    ),
    // 18: refusing.
    (
        18,
        "refus* decli* deny denied disallowed disal* forbidden forbi* prohibited prohi* banned restricted blocked taboo denying warn warning warnings discl* apolo* sorry hesit* object \
         comply complying complian* moralize lecture unable reject resist permitted judgment judge \
         weige* ablehn* niega negar recha* refus* rifiu* recus* weiger* odmaw* отказ* \
         拒绝 警告 道歉 拒否 거부 ارفض رفض मना",
    ),
    // 19: what unlocks other things.
    (
        19,
        "password passwords passphrase secret key keys token tokens crede* api canary flag ssn \
         secretkey login pin wallet cookie cookies \
         passwort schlü* contr* clave llave clé passe chiave senha chave wachtwoord hasło şifre \
         пароль ключ токен 密码 密钥 口令 パス 秘密 비밀 열쇠 كلمة مفتاح पासवर्ड कुंजी",
    ),
    // 20: harm.
    (
        20,
        "weapon weapons bomb bombs malware virus hack hacking hacker exploit exploits drug drugs meth \
         kill illegal harmf* malic* phish* ransom* explo* steal stolen fraud murder suicide poison \
         attack attacks launder counterfeit stalk racist hate hateful violence violent terror* \
         napalm keylogger trojan ddos piracy pirate scam scams bribe blackmail cheat forge smuggle \
         bombe waffe bomba arma virus pirate arme wapen broń silah бомб* оруж* взлом* \
         炸弹 武器 病毒 攻击 黑客 非法 爆弾 폭탄 무기 해킹 قنبلة سلاح बम हथियार",
    ),
    // 21: sending away.
    (
        21,
        "send sends forward email mail post upload uploads transmit transfer exfil* deliver submit \
         webhook url http https www collect append bcc cc \
         sende senden schicke weiter* envía envia* manda reenvía envoie envoy* transf* invia \
         inoltra envie encaminhe stuur verstuur wyślij gönder отправ* перешл* 发送 转发 送信 전송 보내 أرسل भेजो भेजें",
    ),
    // 22: the reader's own user.
    (
        22,
        "user users human humans operator customer customers client owner recipient reader people \
         benutzer nutzer usuario usuarios utilisateur utente utenti usuário gebruiker użytkownik \
         kullanıcı пользовател* 用户 用戶 ユー 사용 المستخدم उपयोगकर्ता",
    ),
    // 23: other spellings.
    (
        23,
        "base rot rot13 decode decoded decod* encode encoded encod* hex hexadecimal reverse reversed \
         backwards cipher caesar leet leetspeak morse anagram acrostic ascii unicode binary \
         decrypt translate scramble unscramble obfus* spell splits \
         dekod* entsch* decod* descif* décod* decif* раскод* 解码 编码 デコ 解読 디코 فك डिकोड",
    ),
    // 24: having to.
    (
        24,
        "must obey obeys obedi* follow following follows required mandatory urgent important \
         attention should shall need needs obligated compelled forced demand demands insist ensure \
         always immediately critical priority comply order ordered \
         müssen muss sollst befolge befolgen folge gehorche wichtig \
         debes debe obede* sigue seguir importante urgente tienes \
         dois devez obéi* suis suivez importante urgent \
         devi obbed* segui seguire importante urgente \
         deve obede* siga importante urgente \
         moet gehoor* volg \
         musisz słuchaj postęp* \
         zorunda uy itaat önemli \
         должен долж* подчин* следуй важно обязан \
         måste följ lyd \
         必须 遵守 服从 遵循 重要 务必 従っ 必ず 従う 따라 반드 중요 يجب اتبع चाहिए पालन",
    ),
    // 25: what was said.
    (
        25,
        "said told tell given conve* chat message messages session context text above earlier \
         learned instructed trained taught received agreed promised admitted acknowledged mentioned \
         gesagt gespräch unterhaltung dicho conversación dit conver* detto conver* dito conver* \
         gezegd gesprek rozmow* konuşma сказан* разговор* диалог* 对话 上下 会话 会話 대화 المحادثة बातचीत",
    ),
    // 31: documents about software.
    (
        31,
        "guide guides tutorial tutorials documentation documented docs readme section sections \
         example examples install installation library package repository github module plugin \
         option options parameterize function functions class classes method methods import imports \
         import return returns yaml json python javascript rust api sdk cli server client database \
         query table column field endpoint request requests deploy deployment version release \
         default enable enabled build test tests evaluate evaluation benchmark dataset score scores \
         threshold detector detectors scanner scanners classifier probe probes rails rail guardrail \
         guardrails flow flows template templates pipeline integration provider providers",
    ),
    // 26: training and making.
    (
        26,
        "train* trained training creat* made built build designed desig* programmed datas* weights \
         finetu* cutoff architecture layer layers parameters tuned pretrained developers \
         trainiert ausbi* entwickelt entren* formac* diseñ* creado entraî* formation conçu créé \
         addes* progettat* creato trein* criado getraind szkole* eğitim обуч* создан* \
         训练 训练数据 创造 学習 訓練 훈련 학습 التدريب تدريب प्रशिक्षण",
    ),
];

/// Slots of the table; a few times the number of words.
const SLOTS: usize = 1 << 14;
/// Slots looked at for one word.
const PROBES: usize = 8;
/// Bits that say whether a word may be in the table at all; they fit the innermost cache.
const SIEVE_BITS: usize = 1 << 15;

/// Families by the hash of a word: the tag tells words of one slot apart.
#[derive(Debug)]
pub(super) struct Lexicon {
    sieve: Box<[u64]>,
    slots: Box<[(u32, u8)]>,
}

/// The table, made once.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::new);

impl Lexicon {
    fn new() -> Self {
        let mut lexicon = Self {
            sieve: vec![0; SIEVE_BITS / 64].into_boxed_slice(),
            slots: vec![(0, 0); SLOTS].into_boxed_slice(),
        };
        for (family, words) in FAMILIES {
            for entry in words.split_ascii_whitespace() {
                let body = entry.strip_suffix('*');
                let plain = normalise(body.unwrap_or(entry)).text;
                let (whole, stem) = word(plain.as_bytes(), 0, plain.len());
                lexicon.insert(if body.is_some() { stem } else { whole }, *family);
            }
        }
        lexicon
    }

    fn insert(&mut self, key: u64, family: u8) {
        let (at, tag) = place(key);
        for probe in 0..PROBES {
            if let Some(slot) = self.slots.get_mut((at + probe) & (SLOTS - 1)) {
                // The first family that names a word keeps it.
                if slot.0 == tag {
                    return;
                }
                if slot.1 == 0 {
                    *slot = (tag, family);
                    break;
                }
            }
        }
        let bit = sieve(key);
        if let Some(bits) = self.sieve.get_mut(bit / 64) {
            *bits |= 1 << (bit % 64);
        }
    }

    /// The family of a word, given by itself and its stem; 0 when it has none.
    #[inline(always)]
    pub(super) fn family(&self, (whole, stem): (u64, u64)) -> u8 {
        if !self.may_hold(whole) && !self.may_hold(stem) {
            return 0;
        }
        self.look_up_both(whole, stem)
    }

    #[inline(never)]
    fn look_up_both(&self, whole: u64, stem: u64) -> u8 {
        match self.look_up(whole) {
            0 => self.look_up(stem),
            family => family,
        }
    }

    #[inline(always)]
    fn may_hold(&self, key: u64) -> bool {
        let bit = sieve(key);
        let bits = self.sieve.get(bit / 64).copied().unwrap_or(0);
        bits >> (bit % 64) & 1 != 0
    }

    fn look_up(&self, key: u64) -> u8 {
        if !self.may_hold(key) {
            return 0;
        }
        let (at, tag) = place(key);
        for probe in 0..PROBES {
            match self.slots.get((at + probe) & (SLOTS - 1)) {
                Some((t, family)) if *t == tag => return *family,
                Some((_, 0)) | None => return 0,
                Some(_) => {}
            }
        }
        0
    }
}

const fn place(key: u64) -> (usize, u32) {
    let x = key.wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((x >> 40) as usize, (x >> 8) as u32 | 1)
}

const fn sieve(key: u64) -> usize {
    (key >> 17) as usize % SIEVE_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(text: &str) -> u8 {
        LEXICON.family(word(text.as_bytes(), 0, text.len()))
    }

    #[test]
    fn every_word_is_found() {
        for (_, words) in FAMILIES {
            for entry in words.split_ascii_whitespace() {
                let plain = normalise(entry.trim_end_matches('*')).text;
                assert_ne!(family(&plain), 0, "{entry}");
            }
        }
    }

    #[test]
    fn forms_and_languages_share_a_family() {
        for words in [
            &[
                "ignore",
                "ignoring",
                "ignoriere",
                "olvida",
                "игнорируй",
                "忽略",
            ][..],
            &[
                "instructions",
                "anweisungen",
                "consignes",
                "istruzioni",
                "инструкции",
                "指令",
            ],
        ] {
            let first = family(words[0]);
            assert_ne!(first, 0);
            for word in words {
                assert_eq!(family(&normalise(word).text), first, "{word}");
            }
        }
        for word in ["parcel", "warehouse", "thursday", "neighbour", "zzz"] {
            assert_eq!(family(word), 0, "{word}");
        }
    }
}
