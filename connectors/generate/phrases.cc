#include "connectors/generate/phrases.h"

#include <array>
#include <vector>

namespace vigie {
namespace {

constexpr std::array<std::string_view, kSubjects> kTopicNames = {
    "noise", "brand",   "delivery", "price",    "quality",  "app-crash",
    "jobs",  "feature", "safety",   "newcomer", "campaign", "competitor"};
constexpr std::array<std::string_view, kLanguages> kLanguageNames = {"en", "fr", "es", "de",
                                                                     "it", "pt", "ja", "ar"};

using List = std::vector<std::string_view>;
using ByLanguage = std::array<List, kLanguages>;

const std::array<ByLanguage, kSubjects>& table() {
  static const std::array<ByLanguage, kSubjects> kTable = {{
      // Noise: everyday talk, with words that come near to those of the rules.
      {{{"up late last night watching the match, worth it", "coffee first, then the world ☕",
         "anyone else stuck in traffic near {c} today?", "my cat ordered me off the sofa again 😹",
         "new album is out and it is all I listen to", "{n} km this morning, legs are gone",
         "the price of tomatoes in {c} is a joke", "reading on the balcony, no plans, no shoes",
         "why do meetings always start {n} minutes late",
         "acne cream that works? asking for a friend", "sunset over {c} tonight was unreal {l}",
         "our train crashed the party, as in: never came", "first day at the gym, please send help",
         "what a goal!! #football"},
        {"il fait un temps magnifique à {c} aujourd'hui", "encore un lundi, encore un café",
         "qui regarde le match ce soir ?", "{n} km à vélo, je suis mort",
         "l'avion de {n} h est en retard, comme d'habitude", "on mange quoi ce midi ?"},
        {"qué calor hace hoy en {c}", "otro lunes más, otro café más",
         "¿alguien viendo el partido?", "{n} km corriendo esta mañana 💪",
         "me quedé dormida en el metro otra vez"},
        {"schönes Wetter heute in {c}", "schon wieder Montag, schon wieder Kaffee",
         "wer schaut heute das Spiel?", "{n} km gelaufen, Beine weg",
         "die Bahn kommt heute gar nicht"},
        {"che bella giornata a {c}", "di nuovo lunedì, di nuovo caffè",
         "chi guarda la partita stasera?", "{n} km di corsa, sono distrutto"},
        {"que dia lindo em {c}", "mais uma segunda, mais um café", "quem vai ver o jogo hoje?",
         "{n} km de corrida hoje cedo"},
        {"今日の{c}はいい天気", "眠い、コーヒーが必要", "誰か試合見てる？", "朝から{n}キロ走った"},
        {"الجو جميل اليوم في {c}", "صباح القهوة", "من يشاهد المباراة الليلة؟",
         "ركضت {n} كم هذا الصباح"}}},
      // Brand
      {{{"{b} made my day, thank you", "really happy with my {i} from {b} ❤️",
         "just unboxed my {i} by {b} {l}", "{b} support answered in {n} minutes, respect",
         "not sure about {b} lately, feels different", "is {b} open on sunday in {c}?"},
        {"merci {b}, mon {i} est parfait", "le service de {b} m'a répondu en {n} minutes",
         "j'adore mon {i} de {b} ❤️"},
        {"gracias {b}, me encanta mi {i}", "{b} me respondió en {n} minutos"},
        {"danke {b}, mein {i} ist super", "{b} hat in {n} Minuten geantwortet"},
        {"grazie {b}, adoro il mio {i}", "{b} mi ha risposto in {n} minuti"},
        {"obrigado {b}, adorei meu {i}", "{b} respondeu em {n} minutos"},
        {"{b} の{i}、とても気に入った", "{b} のサポートは{n}分で返事が来た"},
        {"شكرا {b} على الخدمة", "{b} رائع جدا ❤️"}}},
      // Delivery
      {{{"{b} my order is late again, {n} days now",
         "{b} where is my parcel? tracking says {c} since monday",
         "order {n} from {b} has not arrived", "my {b} parcel was delayed twice this week 😡",
         "delivery from {b} is late, order {n}, any news?",
         "parcels from {b} keep getting delayed in {c}"},
        {"{b} ma commande est en retard de {n} jours",
         "où est mon colis {b} ? livraison prévue lundi à {c}",
         "colis {b} jamais arrivé, commande {n}"},
        {"{b} mi pedido llega tarde otra vez, {n} días", "¿dónde está mi paquete {b}? pedido {n}"},
        {"{b} meine Bestellung ist seit {n} Tagen verspätet",
         "wo bleibt mein Paket, {b}? Lieferung nach {c}"},
        {"{b} il mio ordine è in ritardo di {n} giorni", "dov'è il mio pacco {b}? consegna a {c}"},
        {"{b} meu pedido está atrasado há {n} dias", "cadê minha encomenda {b}? entrega em {c}"},
        {"{b} 荷物がまだ届かない、{n}日遅れ", "{b} の配送が遅い、注文{n}"},
        {"{b} طلبي متأخر منذ {n} أيام", "أين الشحنة يا {b}؟ طلب رقم {n}"}}},
      // Price
      {{{"{b} raised the price of the {i} by {n}%? too expensive", "why is {b} so expensive in {c}",
         "the new {b} price is a rip off, {n} euros for a {i}", "{b} any discount for students?"},
        {"{b} trop cher, {n} euros pour un {i}", "le prix du {i} {b} a encore augmenté de {n} %"},
        {"{b} demasiado caro, {n} euros por un {i}", "el precio de {b} subió un {n}%"},
        {"{b} ist zu teuer, {n} Euro für ein {i}",
         "warum ist der Preis bei {b} um {n}% gestiegen?"},
        {"{b} troppo caro, {n} euro per un {i}", "il prezzo di {b} è aumentato del {n}%"},
        {"{b} muito caro, {n} euros por um {i}", "o preço da {b} subiu {n}%"},
        {"{b} の値段が高すぎる、{i}が{n}ユーロ", "{b} また値上げ"},
        {"{b} السعر غالي جدا، {n} يورو", "لماذا رفعت {b} السعر؟"}}},
      // Quality
      {{{"my {i} from {b} broke after {n} days", "{b} quality went downhill, the {i} is defective",
         "second {i} from {b} and it is broken again, refund please",
         "great quality from {b}, my {i} still works after {n} years"},
        {"mon {i} {b} est cassé après {n} jours", "{b} la qualité a baissé, {i} défectueux"},
        {"mi {i} de {b} se rompió a los {n} días", "{b} la calidad es mala, {i} defectuoso"},
        {"mein {i} von {b} ist nach {n} Tagen kaputt", "{b} die Qualität ist schlecht, {i} defekt"},
        {"il mio {i} di {b} si è rotto dopo {n} giorni", "{b} qualità pessima, {i} difettoso"},
        {"meu {i} da {b} quebrou em {n} dias", "{b} qualidade ruim, {i} com defeito"},
        {"{b} の{i}が{n}日で壊れた", "{b} 品質が悪い、不良品だった"},
        {"منتج {b} انكسر بعد {n} أيام", "{b} الجودة سيئة"}}},
      // AppCrash
      {{{"the {b} app crashes every time I open it",
         "{b} app keeps crashing since the update, version {n}",
         "is the {b} app down for everyone? cannot log in", "app crash again {b}, error {n}"},
        {"l'appli {b} plante depuis la mise à jour",
         "impossible de me connecter à l'application {b}, erreur {n}"},
        {"la app de {b} se cierra sola, error {n}",
         "la aplicación de {b} no funciona, ¿está caída?"},
        {"die {b} App stürzt ständig ab", "{b} App geht nicht, Fehler {n}"},
        {"l'app di {b} si blocca sempre, errore {n}", "l'app {b} non funziona da ieri"},
        {"o app da {b} trava toda hora, erro {n}", "aplicativo da {b} fora do ar?"},
        {"{b} のアプリが落ちる、エラー{n}", "{b} アプリにログインできない"},
        {"تطبيق {b} يتعطل دائما", "تطبيق {b} لا يعمل، خطأ {n}"}}},
      // Jobs
      {{{"{b} is hiring in {c}: {n} open jobs {l}",
         "we are hiring! join {b} as an engineer in {c} #jobs",
         "job offer: warehouse lead at {b}, {c} {l}"},
        {"{b} recrute à {c} : {n} offres d'emploi {l}", "offre d'emploi chez {b} à {c} #emploi"},
        {"{b} contrata en {c}: {n} ofertas de empleo {l}"},
        {"{b} sucht in {c}: {n} offene Stellen {l}"},
        {"{b} assume a {c}: {n} offerte di lavoro {l}"},
        {"{b} está contratando em {c}: {n} vagas {l}"},
        {"{b} 求人 {c} {n}名 {l}"},
        {"وظائف في {b} في {c} {l}"}}},
      // Feature
      {{{"I wish the {b} app had a dark mode", "feature request for {b}: let me pause my order",
         "{b} please add a way to share my {i} list",
         "would love to see a {i} subscription from {b}"},
        {"{b} ajoutez un mode sombre s'il vous plaît",
         "j'aimerais une option pour partager mon {i}, {b}"},
        {"{b} por favor añadan un modo oscuro", "ojalá {b} tuviera una suscripción de {i}"},
        {"{b} bitte einen Dunkelmodus einbauen", "ich wünsche mir von {b} ein Abo für {i}"},
        {"{b} aggiungete una modalità scura per favore", "vorrei un abbonamento {i} da {b}"},
        {"{b} por favor adicionem um modo escuro", "queria uma assinatura de {i} da {b}"},
        {"{b} ダークモードを追加してほしい"},
        {"{b} أضيفوا الوضع الداكن من فضلكم"}}},
      // Safety
      {{{"my {b} {i} caught fire while charging, is there a recall?",
         "the {b} {i} overheats, this is dangerous",
         "safety recall of the {b} {i} in {c}? battery smoke last night 🔥",
         "got an electric shock from a {b} {i}"},
        {"mon {i} {b} a pris feu, y a-t-il un rappel ?", "le {i} {b} surchauffe, c'est dangereux"},
        {"mi {i} de {b} se incendió, ¿hay retirada?",
         "el {i} de {b} se sobrecalienta, es peligroso"},
        {"mein {i} von {b} hat gebrannt, gibt es einen Rückruf?",
         "{i} von {b} überhitzt, das ist gefährlich"},
        {"il mio {i} di {b} ha preso fuoco, c'è un richiamo?",
         "il {i} di {b} si surriscalda, è pericoloso"},
        {"meu {i} da {b} pegou fogo, existe recall?", "o {i} da {b} superaquece, é perigoso"},
        {"{b} の{i}から煙が出た、リコールは？", "{b} の{i}が発火、危険"},
        {"منتج {b} اشتعل، هل يوجد استدعاء؟", "خطر: {b} يسخن كثيرا"}}},
      // Newcomer
      {{{"how do I start with {b}? first {i} ever",
         "new here, which {b} {i} should I buy as a beginner?",
         "what do you all use with your {b} {i}? just got mine",
         "can someone help me set up my {b} {i}?"},
        {"comment débuter avec {b} ? premier {i}", "je suis nouveau, quel {i} {b} choisir ?"},
        {"¿cómo empiezo con {b}? es mi primer {i}", "soy nuevo, ¿qué {i} de {b} recomiendan?"},
        {"wie fange ich mit {b} an? mein erster {i}", "bin neu hier, welches {i} von {b} ist gut?"},
        {"come si comincia con {b}? primo {i}", "sono nuovo, quale {i} di {b} mi consigliate?"},
        {"como começo com {b}? meu primeiro {i}",
         "sou novo aqui, qual {i} da {b} vocês recomendam?"},
        {"{b} 初心者です、どの{i}がいい？"},
        {"كيف أبدأ مع {b}؟ هذه أول مرة"}}},
      // Campaign
      {{{"my entry for #SummerBuild, made of {n} parts {l}", "#SummerBuild day {n} ☀️ {l}",
         "built a {i} for #SummerBuild with {b}", "who else joins #SummerBuild in {c}?"},
        {"ma création pour #SummerBuild {l}", "#SummerBuild jour {n} ☀️ avec {b}"},
        {"mi proyecto para #SummerBuild {l}", "#SummerBuild día {n} ☀️"},
        {"mein Projekt für #SummerBuild {l}", "#SummerBuild Tag {n} ☀️"},
        {"il mio progetto per #SummerBuild {l}", "#SummerBuild giorno {n} ☀️"},
        {"meu projeto para #SummerBuild {l}", "#SummerBuild dia {n} ☀️"},
        {"#SummerBuild {n}日目 ☀️ {l}"},
        {"مشروعي في #SummerBuild {l}"}}},
      // Competitor
      {{{"thinking of moving from {b} to {g}", "{g} has a better {i} than most",
         "{g} is late too, so it is everybody", "has anybody tried the new {g} {i} in {c}?"},
        {"{g} fait un meilleur {i}", "je passe de {b} à {g}"},
        {"{g} tiene mejor {i}", "me cambio de {b} a {g}"},
        {"{g} hat das bessere {i}", "ich wechsle von {b} zu {g}"},
        {"{g} fa un {i} migliore", "passo da {b} a {g}"},
        {"{g} tem um {i} melhor", "vou trocar {b} por {g}"},
        {"{g} の{i}の方がいい"},
        {"{g} أفضل من غيره"}}},
  }};
  return kTable;
}

const ByLanguage kBrandAnswers = {{
    {"Hi, sorry about that! Could you send us your order number?",
     "We are looking into it, thank you for telling us.", "Thank you! Glad you like it 💙"},
    {"Bonjour, désolés ! Pouvez-vous nous envoyer votre numéro de commande ?",
     "Merci, nous regardons cela."},
    {"Hola, lo sentimos. ¿Nos envías tu número de pedido?"},
    {"Hallo, das tut uns leid! Schickst du uns die Bestellnummer?"},
    {"Ciao, ci dispiace! Ci mandi il numero d'ordine?"},
    {"Olá, sentimos muito! Pode nos enviar o número do pedido?"},
    {"ご連絡ありがとうございます。注文番号を教えてください。"},
    {"نعتذر، هل ترسل لنا رقم الطلب؟"},
}};

const ByLanguage kAmbassadorAnswers = {{
    {"I had the same when I started: update first, then pair it again.",
     "Welcome! The beginners' thread is a good place.", "Love the idea, I have passed it on."},
    {"Bienvenue ! Commence par la mise à jour."},
    {"¡Bienvenida! Empieza por la actualización."},
    {"Willkommen! Fang mit dem Update an."},
    {"Benvenuto! Comincia dall'aggiornamento."},
    {"Bem-vindo! Comece pela atualização."},
    {"ようこそ！まず更新してください。"},
    {"أهلا! ابدأ بالتحديث أولا."},
}};

const ByLanguage kCustomerAnswers = {{
    {"thanks, sent you a message", "still nothing, what now?", "that worked, thank you!"},
    {"merci, c'est envoyé", "toujours rien, et maintenant ?"},
    {"gracias, enviado"},
    {"danke, ist geschickt"},
    {"grazie, inviato"},
    {"obrigado, enviei"},
    {"ありがとう、送りました"},
    {"شكرا، أرسلت"},
}};

const ByLanguage kThings = {{
    {"kettle", "drill", "lamp", "speaker", "charger", "robot"},
    {"grille-pain", "perceuse", "robot", "chargeur"},
    {"taladro", "altavoz", "cargador"},
    {"Bohrer", "Ladegerät", "Roboter"},
    {"trapano", "caricatore", "robot"},
    {"carregador", "robô", "abajur"},
    {"ドリル", "充電器", "ランプ"},
    {"شاحن", "مصباح"},
}};

using Cities = std::vector<City>;
const std::array<Cities, kLanguages> kCities = {{
    {{"GB", "London", 51.5, -0.12},
     {"US", "Boston", 42.36, -71.06},
     {"IE", "Dublin", 53.35, -6.26}},
    {{"FR", "Paris", 48.85, 2.35}, {"FR", "Lyon", 45.76, 4.84}, {"CA", "Montréal", 45.5, -73.57}},
    {{"ES", "Madrid", 40.42, -3.7}, {"MX", "Puebla", 19.04, -98.2}},
    {{"DE", "Berlin", 52.52, 13.4}, {"AT", "Graz", 47.07, 15.44}},
    {{"IT", "Torino", 45.07, 7.69}, {"IT", "Bari", 41.13, 16.87}},
    {{"BR", "Recife", -8.05, -34.9}, {"PT", "Porto", 41.15, -8.61}},
    {{"JP", "京都", 35.01, 135.77}, {"JP", "札幌", 43.06, 141.35}},
    {{"EG", "القاهرة", 30.04, 31.24}, {"MA", "الرباط", 34.02, -6.84}},
}};

std::size_t index(Language language) {
  return static_cast<std::size_t>(language);
}

}  // namespace

std::string_view name(Subject topic) {
  return kTopicNames[static_cast<std::size_t>(topic)];
}

std::optional<Subject> parse_topic(std::string_view text) {
  for (std::size_t i = 0; i < kSubjects; ++i) {
    if (kTopicNames[i] == text) return static_cast<Subject>(i);
  }
  return std::nullopt;
}

std::string_view name(Language language) {
  return kLanguageNames[index(language)];
}

std::span<const std::string_view> phrases(Subject topic, Language language) {
  return table()[static_cast<std::size_t>(topic)][index(language)];
}

std::span<const std::string_view> brand_answers(Language language) {
  return kBrandAnswers[index(language)];
}

std::span<const std::string_view> ambassador_answers(Language language) {
  return kAmbassadorAnswers[index(language)];
}

std::span<const std::string_view> customer_answers(Language language) {
  return kCustomerAnswers[index(language)];
}

std::span<const std::string_view> things(Language language) {
  return kThings[index(language)];
}

std::span<const City> cities(Language language) {
  return kCities[index(language)];
}

}  // namespace vigie
